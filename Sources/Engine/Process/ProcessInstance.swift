package import Events
import Scripts

/// What the log knows of a running instance of a process: the bytes of `state` in its `instance` record.
///
/// Its history is the list of its steps. A record holds the last ones; once there are `blockSteps`, the next record begins
/// anew and leads to the place of that one.
package struct ProcessInstance: Equatable, Sendable {
  /// Steps that a record takes along from the one before it.
  package static let blockSteps = 64
  /// The longest history.
  package static let mostSteps = 10_000
  /// The most events that may wait to be awaited.
  package static let mostHeard = 10_000
  /// Bytes of the subjects that an instance listens to: they are in each of its records.
  package static let mostListenBytes = 64 << 10

  /// An event that was heard and is not yet awaited.
  package struct Heard: Equatable, Sendable {
    package var position: UInt64
    package var typeHash: UInt64
  }

  /// What it waits for.
  package struct Wait: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
      case outcome = 1
      case answer = 2
      case events = 3
      case sleep = 4
    }

    package var kind: Kind
    /// µs; since when, and until when at most.
    package var since: Int64
    package var deadline: Int64?
    /// Of `events`.
    package var types: [String] = []
    package var all = false
    /// Of `outcome` and `answer`: the step that has asked.
    package var asker: UInt32 = 0
  }

  /// Why it is still on an older generation.
  package struct Stay: Equatable, Sendable {
    /// That it was tried on.
    package var generation: UInt32
    /// The first step that differs there.
    package var step: UInt32
    package var what: String
  }

  package var generation: UInt32
  /// The event that started it.
  package var start: UInt64
  /// The last position that was handled for it.
  package var heard: UInt64
  package var wait: Wait
  package var steps: [ProcessStep] = []
  /// The place of the record with the steps before these, and how many those are; 0: none.
  package var older: UInt64 = 0
  package var olderSteps: UInt32 = 0
  /// Steps of the histories that it had before it restarted.
  package var earlierSteps: UInt32 = 0
  /// Of the whole history, generation and all.
  package var digest: UInt64 = 0
  package var mailbox: [Heard] = []
  /// The lines of the compensations that a rollback would run, the last first.
  package var compensations: [UInt32] = []
  package var stays: Stay?
  /// After a restart: the start event's data from now on, JSON.
  package var data: [UInt8]?
  /// It was told to roll back.
  package var isRollingBack = false
  /// How many start events came while it was running.
  package var ignoredStarts: UInt32 = 0
  /// The subjects that it listens to, for each entry with a name of its scripts' `hears`.
  package var listens: [[[UInt8]]] = []
  /// It began when its reader was here already: what it hears by a name up to here is what it was told, and these
  /// positions, which it is still to be told.
  package var caughtUp: UInt64 = 0
  package var missed: [UInt64] = []

  package init(generation: UInt32, start: UInt64, wait: Wait) {
    (self.generation, self.start, self.heard, self.wait) = (generation, start, start, wait)
  }

  /// The number of its next step, counted from its very beginning.
  package var nextStep: UInt32 { earlierSteps + olderSteps + UInt32(steps.count) }

  /// The length of its history.
  package var stepCount: Int { Int(olderSteps) + steps.count }

  /// Its record was read at `place`: the steps that it brought are in that commit, and when there are enough of them the
  /// next record begins anew.
  mutating func wasRead(at place: UInt64) {
    noteCommit(of: place)
    guard steps.count >= Self.blockSteps else { return }
    older = place
    olderSteps += UInt32(steps.count)
    steps = []
  }

  /// Ends its history: the next one begins with the same event, with other data. What has kept it on older scripts ends too.
  mutating func restart(with data: [UInt8]) {
    earlierSteps = nextStep
    (steps, older, olderSteps, digest, compensations) = ([], 0, 0, 0, [])
    self.data = data
    stays = nil
    isRollingBack = false
  }
}

extension ProcessInstance {
  package func encode(into writer: inout ByteWriter) {
    writer.field(1, generation)
    writer.field(2, start)
    writer.field(3, heard)
    writer.field(4) { writer in
      writer.field(1, wait.kind.rawValue)
      writer.field(2, wait.since)
      if let deadline = wait.deadline { writer.field(3, deadline) }
      for type in wait.types { writer.field(4, type) }
      if wait.all { writer.field(5, UInt8(1)) }
      if wait.asker > 0 { writer.field(6, wait.asker) }
    }
    if !steps.isEmpty {
      writer.field(5) { writer in
        for step in steps { step.encode(into: &writer) }
      }
    }
    if older > 0 {
      writer.field(6, older)
      writer.field(7, olderSteps)
    }
    if earlierSteps > 0 { writer.field(8, earlierSteps) }
    writer.field(9, digest)
    if !mailbox.isEmpty {
      writer.field(10) { writer in
        for heard in mailbox {
          writer.append(heard.position)
          writer.append(heard.typeHash)
        }
      }
    }
    if !compensations.isEmpty {
      writer.field(11) { writer in
        for line in compensations { writer.append(line) }
      }
    }
    if let stays {
      writer.field(12) { writer in
        writer.field(1, stays.generation)
        writer.field(2, stays.step)
        writer.field(3, stays.what)
      }
    }
    if let data { writer.field(14, data) }
    if ignoredStarts > 0 { writer.field(15, ignoredStarts) }
    if isRollingBack { writer.field(16, UInt8(1)) }
    for subjects in listens {
      writer.field(17) { writer in
        for subject in subjects { writer.field(1, subject) }
      }
    }
    if caughtUp > 0 { writer.field(18, caughtUp) }
    if !missed.isEmpty {
      writer.field(19) { writer in
        for position in missed { writer.append(position) }
      }
    }
  }

  package var bytes: [UInt8] {
    var writer = ByteWriter(capacity: 128 + steps.count * ProcessStep.size)
    encode(into: &writer)
    return Array(writer.bytes)
  }

  /// Nil when the bytes are not what `encode` writes.
  package init?(_ bytes: [UInt8]) {
    guard let read = bytes.withUnsafeBytes({ Self.read($0) }) else { return nil }
    self = read
  }

  private static func read(_ bytes: UnsafeRawBufferPointer) -> ProcessInstance? {
    guard FieldReader.isValid(bytes) else { return nil }
    var instance = ProcessInstance(generation: 0, start: 0, wait: Wait(kind: .outcome, since: 0))
    for field in FieldReader(bytes) {
      switch field.tag {
      case 1: instance.generation = UInt32(truncatingIfNeeded: field.integer)
      case 2: instance.start = field.integer
      case 3: instance.heard = field.integer
      case 4:
        guard let wait = Wait(field.fields) else { return nil }
        instance.wait = wait
      case 5:
        guard let steps = list(field.value, of: ProcessStep.size, { ProcessStep($0) }) else { return nil }
        instance.steps = steps
      case 6: instance.older = field.integer
      case 7: instance.olderSteps = UInt32(truncatingIfNeeded: field.integer)
      case 8: instance.earlierSteps = UInt32(truncatingIfNeeded: field.integer)
      case 9: instance.digest = field.integer
      case 10:
        let heard = list(field.value, of: 16) {
          Heard(position: $0.integer(UInt64.self, at: 0), typeHash: $0.integer(UInt64.self, at: 8))
        }
        guard let heard else { return nil }
        instance.mailbox = heard
      case 11:
        guard let lines = list(field.value, of: 4, { $0.integer(UInt32.self, at: 0) }) else { return nil }
        instance.compensations = lines
      case 12: instance.stays = Stay(field.fields)
      case 14: instance.data = field.array
      case 15: instance.ignoredStarts = UInt32(truncatingIfNeeded: field.integer)
      case 16: instance.isRollingBack = field.integer != 0
      case 17: instance.listens.append(field.fields.map(\.array))
      case 18: instance.caughtUp = field.integer
      case 19:
        guard let missed = list(field.value, of: 8, { $0.integer(UInt64.self, at: 0) }) else { return nil }
        instance.missed = missed
      default: break
      }
    }
    return instance.start > 0 && instance.generation > 0 ? instance : nil
  }

  private static func list<Element>(
    _ bytes: UnsafeRawBufferPointer, of size: Int, _ read: (UnsafeRawPointer) -> Element?
  ) -> [Element]? {
    guard bytes.count % size == 0, let base = bytes.baseAddress else { return bytes.isEmpty ? [] : nil }
    var elements: [Element] = []
    for offset in stride(from: 0, to: bytes.count, by: size) {
      guard let element = read(base + offset) else { return nil }
      elements.append(element)
    }
    return elements
  }
}

extension ProcessInstance.Wait {
  fileprivate init?(_ fields: FieldReader) {
    var kind: Kind?
    self.init(kind: .outcome, since: 0)
    for field in fields {
      switch field.tag {
      case 1: kind = Kind(rawValue: UInt8(truncatingIfNeeded: field.integer))
      case 2: since = Int64(bitPattern: field.integer)
      case 3: deadline = Int64(bitPattern: field.integer)
      case 4: types.append(field.text)
      case 5: all = field.integer != 0
      case 6: asker = UInt32(truncatingIfNeeded: field.integer)
      default: break
      }
    }
    guard let kind else { return nil }
    self.kind = kind
  }
}

extension ProcessInstance.Stay {
  fileprivate init(_ fields: FieldReader) {
    self.init(generation: 0, step: 0, what: "")
    for field in fields {
      switch field.tag {
      case 1: generation = UInt32(truncatingIfNeeded: field.integer)
      case 2: step = UInt32(truncatingIfNeeded: field.integer)
      case 3: what = field.text
      default: break
      }
    }
  }
}
