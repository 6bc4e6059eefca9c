import Events
import LogStorage

/// What a reader remembers of a key at some moment.
package struct KeyState: Sendable {
  package var key: KeyBytes
  /// JSON, or the fields of an instance; nil: the declared state.
  package var json: [UInt8]?
  /// Of the declaration that wrote it.
  var version: UInt32
  /// Another key has the same hash.
  var sharesHash = false
  /// Where its record is in the log (`InstancePlace.place`); 0: nowhere. What a call has changed is still at the place
  /// of what it was before.
  var place: UInt64 = 0
  /// Of an instance, as in its record. A deadline that was given up is nil here.
  package var deadline: Int64?
  package var generation: UInt32 = 0
  var life = InstanceRecord.Life.none
  /// Of a process that a call has changed, when it hears by a name.
  var listening: Listening?

  /// Hashes of the subjects that an instance listens to: as its record has it, and as the call has left it.
  struct Listening {
    var before: [UInt64]
    var now: [UInt64]
  }

  var bytes: Int { key.bytes.count + (json?.count ?? 0) + 64 }
}

/// A state that a call has changed.
package struct StateChange {
  /// Index of the unit in its batch.
  var unit: Int
  package var state: KeyState
  var keyHash: UInt64
}

/// Where a batch finds the state of a key before its first unit.
enum StateSource: Sendable {
  case known(KeyState)
  /// In the log, in this commit or in an earlier one that it leads to.
  case commit(UInt64)
}

extension KeyState {
  /// The state of a key, from the records that `commit` leads to. Blocks on the disk.
  static func read(_ key: KeyBytes, _ keyHash: UInt64, reader: UInt32, at commit: UInt64, in log: LogReader) throws
    -> KeyState
  {
    var state = KeyState(key: key, json: nil, version: 0)
    var next = commit
    while next > 0 {
      let records = try records(of: reader, keyHash, inCommit: next, log)
      if let record = records.last(where: { $0.key == key.bytes }) {
        state.take(record, commit: next)
        return state
      }
      guard let other = records.first else {
        throw LogError(.corrupt, "commit \(next) does not hold the state that it should; \(Self.advice)")
      }
      state.sharesHash = true
      next = other.previous
    }
    return state
  }

  /// Takes over what a record of the key says.
  mutating func take(_ record: InstanceRecord, commit: UInt64) {
    (json, version) = (record.state, record.version)
    (deadline, generation, life) = (record.deadline, record.generation, record.life)
    sharesHash = sharesHash || record.sharesHash
    place = commit << 8 | UInt64(record.twin)
  }

  /// Whether both say the same of the key.
  func says(_ other: KeyState) -> Bool {
    json == other.json && version == other.version && deadline == other.deadline && generation == other.generation
      && life == other.life
  }

  private static let advice = "run moondance log verify on the data folder"

  private static func records(
    of reader: UInt32, _ keyHash: UInt64, inCommit number: UInt64, _ log: LogReader
  ) throws -> [InstanceRecord] {
    var found: [InstanceRecord] = []
    try log.forEachInstance(inCommit: number, of: reader) { place, record in
      if place.keyHash == keyHash, let instance = InstanceRecord(record) { found.append(instance) }
    }
    return found
  }
}
