import DequeModule
package import Events

/// The control state as bytes, for snapshots and for comparing folds. The order is fixed, so equal states give equal
/// bytes. A snapshot of another version is not read: the log is folded instead.
extension ControlState {
  package static let snapshotVersion: UInt32 = 1

  package func encode(into writer: inout ByteWriter) {
    writer.field(1, Self.snapshotVersion)
    writer.field(2, commit)
    writer.field(3, position)
    writer.field(4, time)
    writer.field(5, generation)
    for file in files {
      writer.field(6) { writer in
        writer.field(1, file.path)
        writer.field(2, file.hash.bytes)
      }
    }
    for (_, source) in sources.sorted(by: { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }) {
      writer.field(7, source)
    }
    for reader in readers { writer.field(8) { reader.encode(into: &$0) } }
  }

  /// Nil when the bytes are of another version or damaged.
  package init?(snapshot bytes: UnsafeRawBufferPointer) {
    self.init()
    guard FieldReader.isValid(bytes) else { return nil }
    var version: UInt64 = 0
    for field in FieldReader(bytes) {
      switch field.tag {
      case 1: version = field.integer
      case 2: commit = field.integer
      case 3: position = field.integer
      case 4: time = Int64(bitPattern: field.integer)
      case 5: generation = UInt32(truncatingIfNeeded: field.integer)
      case 6:
        var path = ""
        var hash: ContentHash?
        for part in field.fields {
          if part.tag == 1 { path = part.text }
          if part.tag == 2 { hash = ContentHash(bytes: part.array) }
        }
        guard let hash else { return nil }
        files.append(DeployRecord.File(path: path, hash: hash, source: nil))
      case 7: sources[ContentHash(of: field.value)] = field.array
      case 8:
        guard let reader = ReaderState(snapshot: field.fields) else { return nil }
        readers.append(reader)
      default: return nil
      }
    }
    guard version == Self.snapshotVersion else { return nil }
  }
}

extension ReaderState {
  func encode(into writer: inout ByteWriter) {
    writer.field(1, number)
    writer.field(2, kind.rawValue)
    writer.field(3, name)
    writer.field(4, life.rawValue)
    writer.field(5, cursor)
    for pattern in hearing { writer.field(6, pattern) }
    writer.field(7, keyRule)
    if let scriptHash { writer.field(8, scriptHash.bytes) }
    for (key, state) in blocked.sorted(by: { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }) {
      writer.field(9) { writer in
        writer.field(1) { ProgressRecord.QueuedUnits(key: key, positions: Array(state.queue)).encode(into: &$0) }
        writer.field(2, state.attempt)
        writer.field(3, state.nextTry)
        writer.field(4, UInt8(state.isDead ? 1 : 0))
        if let failure = state.failure { writer.field(5) { failure.encode(into: &$0) } }
      }
    }
    for letter in skippedLetters {
      writer.field(10) { writer in
        writer.field(1, letter.position)
        writer.field(2, letter.key.bytes)
        writer.field(3, letter.attempts)
        writer.field(5) { letter.failure.encode(into: &$0) }
      }
    }
  }

  init?(snapshot fields: FieldReader) {
    self.init(number: 0, kind: .consumer, name: "", cursor: 0, hearing: [], keyRule: "")
    for field in fields {
      switch field.tag {
      case 1: number = UInt32(truncatingIfNeeded: field.integer)
      case 2:
        guard let value = ReaderChange.Kind(rawValue: UInt8(truncatingIfNeeded: field.integer)) else { return nil }
        kind = value
      case 3: name = field.text
      case 4:
        guard let value = Life(rawValue: UInt8(truncatingIfNeeded: field.integer)) else { return nil }
        life = value
      case 5: cursor = field.integer
      case 6: hearing.append(field.text)
      case 7: keyRule = field.text
      case 8: scriptHash = ContentHash(bytes: field.array)
      case 9: addBlocked(field.fields)
      case 10: addLetter(field.fields)
      default: return nil
      }
    }
  }

  private mutating func addBlocked(_ fields: FieldReader) {
    var units = ProgressRecord.QueuedUnits(key: KeyBytes([]), positions: [])
    var state = BlockedKey(queue: [])
    for part in fields {
      switch part.tag {
      case 1: units = ProgressRecord.QueuedUnits(part.fields)
      case 2: state.attempt = UInt32(truncatingIfNeeded: part.integer)
      case 3: state.nextTry = Int64(bitPattern: part.integer)
      case 4: state.isDead = part.integer != 0
      case 5: state.failure = Failure(snapshot: part.fields)
      default: break
      }
    }
    state.queue.append(contentsOf: units.positions)
    blocked[units.key] = state
  }

  private mutating func addLetter(_ fields: FieldReader) {
    var letter = DeadLetter(
      position: 0, key: KeyBytes([]), attempts: 0, failure: Failure(snapshot: FieldReader(.init(start: nil, count: 0))))
    for part in fields {
      switch part.tag {
      case 1: letter.position = part.integer
      case 2: letter.key = KeyBytes(part.value)
      case 3: letter.attempts = UInt32(truncatingIfNeeded: part.integer)
      case 5: letter.failure = Failure(snapshot: part.fields)
      default: break
      }
    }
    skippedLetters.append(letter)
  }
}

extension Failure {
  func encode(into writer: inout ByteWriter) {
    writer.field(1, kind.rawValue)
    writer.field(2, message)
    writer.field(3, traceback)
    for line in log { writer.field(4, line) }
    if let scriptHash { writer.field(5, scriptHash.bytes) }
    writer.field(6, first)
    writer.field(7, last)
  }

  init(snapshot fields: FieldReader) {
    self.init(kind: .error, message: "", traceback: "", log: [], scriptHash: nil, first: 0, last: 0)
    for part in fields {
      switch part.tag {
      case 1: kind = FailureKind(rawValue: UInt8(truncatingIfNeeded: part.integer)) ?? .error
      case 2: message = part.text
      case 3: traceback = part.text
      case 4: log.append(part.text)
      case 5: scriptHash = ContentHash(bytes: part.array)
      case 6: first = Int64(bitPattern: part.integer)
      case 7: last = Int64(bitPattern: part.integer)
      default: break
      }
    }
  }
}
