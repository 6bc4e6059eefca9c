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
  /// Nil: none runs for the key.
  var instance: ProcessInstance?
  /// Stands where the instance's history ends; nil: it is not at hand, and is made by a replay.
  var live: ProcessRuns.Kept?
  /// Whether the log is to be told of the instance.
  var hasChanged = false
  /// What the steps wrote.
  var log: [LogLine] = []

  init(_ batch: Batch, _ shard: Shard, _ index: Int, _ key: KeyBytes, _ instance: ProcessInstance?) {
    (self.batch, self.shard, self.index, self.key, self.instance) = (batch, shard, index, key, instance)
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
      if type.equals(HostEvent.decided.type) { return .decided }
      if type.equals(HostEvent.answered) { return .answered }
      if type.equals(HostEvent.process) { return .verb }
    }
    guard let process = declaration?.process else { return nil }
    guard instance != nil else { return process.starts.contains { $0.matches(type) } ? .start : nil }
    if process.aborts.contains(where: { $0.matches(type) }) { return .abort }
    if process.hears.contains(where: { $0.matches(type) }) { return .heard }
    return process.starts.contains { $0.matches(type) } ? .start : nil
  }

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

extension UnsafeRawBufferPointer {
  func equals(_ text: StaticString) -> Bool {
    equals(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
