import Events
import LogStorage
import Scripts

/// One unit of a process while a worker handles it: the instance of its key, and its coroutine once it is needed.
struct ProcessWork {
  let batch: Batch
  let shard: Shard
  /// The unit's index in the batch.
  let index: Int
  let key: KeyBytes
  /// The event of the unit; nil: it is a wake.
  let heard: HeardEntry?
  private let step: InstanceStep
  /// Nil: none runs for the key.
  var instance: ProcessInstance?
  /// As the unit has found it: where it started, and what it listened to.
  private(set) var before: (start: UInt64, listens: [UInt64])?
  /// Stands where the instance's history ends; nil: it is not at hand, and is made by a replay.
  var live: ProcessRuns.Kept?
  /// Whether the log is to be told of the instance.
  var hasChanged = false
  /// What the steps wrote.
  var log: [LogLine] = []

  init(_ batch: Batch, _ shard: Shard, _ step: InstanceStep) {
    (self.batch, self.shard, self.index, self.key, self.step) = (batch, shard, step.index, step.key, step)
    let position = step.unit.position
    heard = step.entry.map { entry in
      HeardEntry(
        entry, position,
        recorded: shard.readBack[step.index]?.commit(of: Position(position)).time ?? step.unit.recorded)
    }
  }

  /// Nothing is heard, but a time has come. A wake that failed is tried again as the event that started the instance, which
  /// it has heard long since.
  var isWake: Bool {
    step.reason != nil || before.map { step.unit.position == $0.start } ?? false
  }

  mutating func begin(with found: ProcessInstance?, _ hash: StableHash) {
    instance = found
    before = found.map { ($0.start, $0.listening(hash)) }
  }

  var runKey: ProcessRuns.Key { ProcessRuns.Key(reader: batch.reader, key: key) }

  /// The code that the instance runs on, or begins with.
  var generation: RunningGeneration {
    guard let number = instance?.generation, number != batch.generation.number else { return batch.generation }
    return batch.pinned[number] ?? batch.generation
  }
}

/// What an entry is to an instance.
enum ProcessRole {
  case start
  case heard
  case abort
  /// The host answers a command or a request, or brings word of an operator.
  case decided, answered, verb
}

extension ProcessWork {
  /// What the entry is to the key, by the code that the instance runs on; nil: nothing.
  func role(of entry: EntryView) -> ProcessRole? {
    let type = entry.type
    if entry.isHostEvent, let address = entry.replyAddress, address.reader == batch.reader {
      if type.equals(HostEvent.decided.type.bytes) { return .decided }
      if type.equals(HostEvent.answered.bytes) { return .answered }
      if type.equals(HostEvent.process.bytes) { return .verb }
    }
    guard let process = declaration?.process else { return nil }
    guard instance != nil else { return process.starts.contains { $0.matches(type) } ? .start : nil }
    if process.aborts.contains(where: { $0.matches(type) }) { return .abort }
    if process.named(forType: type) != nil {
      if isAddressed(entry) || listens(to: entry) { return .heard }
    } else if process.hears.contains(where: { $0.matches(type) }) {
      return .heard
    }
    return process.starts.contains { $0.matches(type) } ? .start : nil
  }

  private func isAddressed(_ entry: EntryView) -> Bool { entry.replyAddress?.reader == batch.reader }

  /// Of the generation that the instance runs on.
  var declaration: ConsumerDeclaration? { consumer.map { generation.scripts.consumers[$0] } }

  /// Its index in that generation.
  var consumer: Int? { generation.consumer(like: batch) }
}

extension RunningGeneration {
  /// The index of the process that a batch is of.
  func consumer(like batch: Batch) -> Int? {
    if self === batch.generation { return batch.consumer }
    let name = batch.declaration.name
    return scripts.consumers.firstIndex { $0.process != nil && $0.name.utf8.elementsEqual(name.utf8) }
  }
}
