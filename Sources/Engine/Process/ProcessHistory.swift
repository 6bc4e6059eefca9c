import Events
package import LogStorage

/// Reading the steps of an instance from the records that lead to each other.
package enum ProcessHistory {
  /// Every step of its history, in order. Blocks on the disk.
  package static func steps(
    of instance: ProcessInstance, key: KeyBytes, reader: UInt32, in log: LogReader
  ) throws -> [ProcessStep] {
    var blocks = [instance.steps]
    var next = instance.older
    while next > 0 {
      guard let record = try record(at: next, key, reader, in: log), let bytes = record.state,
        var older = ProcessInstance(bytes)
      else {
        throw LogError(
          .corrupt,
          "commit \(next >> 8) does not hold the steps that it should; run moondance log verify on the data folder")
      }
      let place = next
      next = older.older
      older.noteCommit(of: place)
      blocks.append(older.steps)
    }
    return Array(blocks.reversed().joined())
  }

  /// The record of a key at a place; nil when it is not there.
  package static func record(
    at place: UInt64, _ key: KeyBytes, _ reader: UInt32, in log: LogReader
  ) throws -> InstanceRecord? {
    try records(at: place, reader, in: log) { $0.key == key.bytes }
  }

  /// The record at a place; nil when it is not there.
  package static func record(
    at place: UInt64, keyHash: UInt64, _ reader: UInt32, in log: LogReader
  ) throws -> InstanceRecord? {
    try records(at: place, reader, in: log) { $0.keyHash == keyHash }
  }

  private static func records(
    at place: UInt64, _ reader: UInt32, in log: LogReader, where matches: (InstanceRecord) -> Bool
  ) throws -> InstanceRecord? {
    var found: InstanceRecord?
    try log.forEachInstance(inCommit: place >> 8, of: reader) { at, record in
      if at.place == place, let instance = InstanceRecord(record), matches(instance) { found = instance }
    }
    return found
  }
}
