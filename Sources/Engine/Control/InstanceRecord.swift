package import Events

/// What a reader remembers of a key from now on (record kind `instance`): a consumer its state, a rule or a process what
/// its instance has heard and waits for.
package struct InstanceRecord: Equatable, Sendable {
  package var reader: UInt32
  package var key: [UInt8]
  package var keyHash: UInt64
  /// JSON, or the fields of an instance; nil: the state is the declared one again, and is not kept.
  package var state: [UInt8]?
  /// The version of the declaration that wrote it.
  package var version: UInt32
  /// The commit of the record before this one whose key has the same hash; 0: none. Nearly always the same key's.
  package var previous: UInt64
  /// Another key of the reader has the same hash: whoever looks for one must go back by `previous`.
  package var sharesHash: Bool
  /// Of an instance that waits for a time: µs since 1970.
  package var deadline: Int64?
  /// Of an instance: the place of the record before this one of the same key; 0: none.
  package var replaces: UInt64 = 0
  /// Of an instance: which it is among those of its commit whose keys have the same hash.
  package var twin: UInt8 = 0
  /// Of a process: the generation whose code it runs.
  package var generation: UInt32 = 0
  package var life = Life.none
  /// Of a process: hashes of the subjects that the instance listens to from now on, and of those that it does not any more.
  package var beginsToHear: [UInt64] = []
  package var ceasesToHear: [UInt64] = []

  package enum Life: UInt8, Sendable {
    case none = 0
    case open = 1
    case ended = 2
  }

  package init(
    reader: UInt32, key: [UInt8], keyHash: UInt64, state: [UInt8]?, version: UInt32, previous: UInt64,
    sharesHash: Bool = false
  ) {
    (self.reader, self.key, self.keyHash, self.state) = (reader, key, keyHash, state)
    (self.version, self.previous, self.sharesHash) = (version, previous, sharesHash)
  }
}

extension InstanceRecord {
  package func encode(into writer: inout ByteWriter) {
    writer.record(.instance) { writer in
      writer.field(1, reader)
      writer.field(2, key)
      writer.field(3, keyHash)
      if let state { writer.field(4, state) }
      writer.field(5, version)
      if previous > 0 { writer.field(6, previous) }
      if sharesHash { writer.field(7, UInt8(1)) }
      if let deadline { writer.field(8, deadline) }
      if replaces > 0 { writer.field(9, replaces) }
      if twin > 0 { writer.field(10, twin) }
      if generation > 0 { writer.field(11, generation) }
      if life != .none { writer.field(12, life.rawValue) }
      for (tag, hashes) in [(UInt8(13), beginsToHear), (14, ceasesToHear)] where !hashes.isEmpty {
        writer.field(tag) { writer in
          for hash in hashes { writer.append(hash) }
        }
      }
    }
  }

  /// From the fields of a record; nil when they are not what `encode` writes.
  package init?(_ fields: FieldReader) {
    self.init(reader: 0, key: [], keyHash: 0, state: nil, version: 0, previous: 0)
    for field in fields {
      switch field.tag {
      case 1: reader = UInt32(truncatingIfNeeded: field.integer)
      case 2: key = field.array
      case 3: keyHash = field.integer
      case 4: state = field.array
      case 5: version = UInt32(truncatingIfNeeded: field.integer)
      case 6: previous = field.integer
      case 7: sharesHash = field.integer != 0
      case 8: deadline = Int64(bitPattern: field.integer)
      case 9: replaces = field.integer
      case 10: twin = UInt8(truncatingIfNeeded: field.integer)
      case 11: generation = UInt32(truncatingIfNeeded: field.integer)
      case 12:
        guard let value = Life(rawValue: UInt8(truncatingIfNeeded: field.integer)) else { return nil }
        life = value
      case 13: beginsToHear = Self.hashes(field.value)
      case 14: ceasesToHear = Self.hashes(field.value)
      default: break
      }
    }
    guard reader > 0 else { return nil }
  }

  private static func hashes(_ bytes: UnsafeRawBufferPointer) -> [UInt64] {
    stride(from: 0, to: bytes.count - 7, by: 8).map { bytes.baseAddress!.integer(UInt64.self, at: $0) }
  }
}
