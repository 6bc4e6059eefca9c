package import Events

/// What the log says of one reader: a fold of its `reader`, `progress` and `resolved` records.
package struct ReaderState: Equatable, Sendable {
  package enum Life: UInt8, Sendable {
    case active = 0
    /// An operator paused it.
    case paused = 1
    /// No script declares it; what it was doing waits for its return.
    case removed = 2
    /// It was removed and an operator has dropped what it left; its name is free.
    case forgotten = 3
  }

  package var number: UInt32
  package var kind: ReaderChange.Kind
  package var name: String
  /// Paused by an operator, whether it is declared or not.
  package var isPaused = false
  package var isRemoved = false
  package var isForgotten = false
  /// Every unit up to here is handled, blocked or dead. The live cursor may be further on: units that the reader does
  /// not hear leave no record.
  package var cursor: UInt64
  package var hearing: [String]
  package var keyRule: String
  package var scriptHash: ContentHash?
  package var blocked = BlockedKeys()
  package var letters = DeadLetters()
  /// Of a destination: targets that an operator has paused.
  package var pausedKeys: Set<KeyBytes> = []
  /// Of a destination.
  package var messages = MessageCount()
  /// Where its keys' states are.
  package var states = StatePlaces()
  /// Of a rule or a process.
  package var open = OpenInstances()

  package init(
    number: UInt32, kind: ReaderChange.Kind, name: String, cursor: UInt64, hearing: [String], keyRule: String,
    scriptHash: ContentHash? = nil
  ) {
    (self.number, self.kind, self.name, self.cursor) = (number, kind, name, cursor)
    (self.hearing, self.keyRule, self.scriptHash) = (hearing, keyRule, scriptHash)
  }

  package var life: Life {
    if isForgotten { return .forgotten }
    if isRemoved { return .removed }
    return isPaused ? .paused : .active
  }
}

/// The messages of a destination, counted.
package struct MessageCount: Equatable, Sendable {
  package var published: UInt64 = 0
  /// Delivered, or answered that they cannot be.
  package var settled: UInt64 = 0
  /// Given up by an operator.
  package var dropped: UInt64 = 0

  package init() {}
}

extension ReaderState {
  /// Messages that are still to be delivered; dead letters are not among them.
  package var pending: UInt64 {
    let gone = messages.settled + messages.dropped + UInt64(letters.count)
    return messages.published - min(gone, messages.published)
  }
}
