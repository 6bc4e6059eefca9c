package import Events

/// A running instance of a process as operators see it.
package struct ProcessReport: Sendable, Equatable {
  package enum State: String, Sendable, CaseIterable {
    /// For what its wait says.
    case waiting
    /// Its last call failed, and it is called again.
    case retrying
    /// A dead letter: it waits for an operator.
    case stuck
  }

  package var process: String
  package var key: KeyBytes
  package var instance: ProcessInstance
  package var state: State
  /// The failure that it is tried again for, or stuck with.
  package var failure: LetterID?
  /// When it is called again, µs.
  package var nextTry: Int64?
  /// Where the list goes on after it.
  package var place: Place

  /// A place in the list: by how long instances have not moved, the longest first.
  package struct Place: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var place: UInt64
    package var keyHash: UInt64
    package var reader: UInt32

    package init(place: UInt64, keyHash: UInt64, reader: UInt32) {
      (self.place, self.keyHash, self.reader) = (place, keyHash, reader)
    }

    package init?(_ text: some StringProtocol) {
      let parts = text.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count == 3, let place = UInt64(parts[0]), let hash = UInt64(parts[1]), let reader = UInt32(parts[2])
      else { return nil }
      self.init(place: place, keyHash: hash, reader: reader)
    }

    package var description: String { "\(place).\(keyHash).\(reader)" }

    package static func < (left: Place, right: Place) -> Bool {
      (left.place, left.keyHash, left.reader) < (right.place, right.keyHash, right.reader)
    }
  }
}

/// Which instances to list.
package struct ProcessQuery: Sendable {
  package var process: String?
  package var state: ProcessReport.State?
  package var generation: UInt32?
  /// Those after this one.
  package var after: ProcessReport.Place?
  package var limit: Int

  package init(
    process: String? = nil, state: ProcessReport.State? = nil, generation: UInt32? = nil,
    after: ProcessReport.Place? = nil, limit: Int = 100
  ) {
    (self.process, self.state, self.generation, self.after, self.limit) = (process, state, generation, after, limit)
  }
}

package struct ProcessPage: Sendable {
  package var instances: [ProcessReport] = []
  /// Where the next page goes on after; nil: this was the last.
  package var next: ProcessReport.Place?
  /// Every process that was asked for, whatever its instances are like.
  package var processes: [ProcessCount] = []
}

/// The instances of a process, counted.
package struct ProcessCount: Sendable, Equatable {
  package var process: String
  package var instances = 0
  /// How many run on which generation.
  package var generations: [UInt32: Int] = [:]
  /// Keys that are tried again, and keys that wait for an operator.
  package var retrying = 0
  package var stuck = 0

  package init(process: String) { self.process = process }
}

/// What an instance has done so far.
package struct ProcessTimeline: Sendable {
  package struct Entry: Sendable, Equatable {
    package var position: Position
    package var kind: String
    package var type: String
    /// The subject of an event, the target of a command, the destination of a message.
    package var about: String
    /// Commit time, µs.
    package var time: Int64
  }

  package struct Step: Sendable, Equatable {
    /// From 1.
    package var number: Int
    package var kind: ProcessStep.Kind
    /// What it was resumed with.
    package var heard: Entry?
    /// µs.
    package var time: Int64
    package var effects: [Entry] = []
  }

  package var report: ProcessReport
  package var steps: [Step] = []
  /// Steps before these.
  package var omitted = 0
  /// Events that were heard and are not awaited yet.
  package var mailbox: [Entry] = []
}
