import DequeModule
package import Events

/// The control state as bytes, for snapshots and for comparing folds. The order is fixed, so equal states give equal
/// bytes. A snapshot of another version is not read: the log is folded instead.
extension ControlState {
  package static let snapshotVersion: UInt32 = 5

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
    if !schedules.isEmpty { writer.field(RecordKind.schedule.rawValue) { schedules.encode(into: &$0) } }
    writer.field(20, preludeLevel)
    for (number, generation) in pinned.sorted(by: { $0.key < $1.key }) {
      writer.field(21) { writer in
        writer.field(1, number)
        generation.encode(into: &writer)
      }
    }
    if !timers.isEmpty { writer.field(9) { timers.encode(into: &$0) } }
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
        guard let reader = ReaderState(snapshot: field.fields), Int(reader.number) == readers.count + 1 else {
          return nil
        }
        readers.append(reader)
      case RecordKind.schedule.rawValue:
        guard let states = ScheduleStates(snapshot: field.fields) else { return nil }
        schedules = states
      case 20: preludeLevel = UInt32(truncatingIfNeeded: field.integer)
      case 21:
        guard let (number, generation) = PinnedGeneration.read(field.fields) else { return nil }
        pinned[number] = generation
      case 9:
        guard let read = PendingTimers(snapshot: field.fields) else { return nil }
        timers = read
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
    writer.field(4, UInt8((isPaused ? 1 : 0) | (isRemoved ? 2 : 0) | (isForgotten ? 4 : 0)))
    writer.field(5, cursor)
    for pattern in hearing { writer.field(6, pattern) }
    writer.field(7, keyRule)
    if let scriptHash { writer.field(8, scriptHash.bytes) }
    for (key, state) in blocked.sorted {
      writer.field(9) { writer in
        writer.field(1) { ProgressRecord.QueuedUnits(key: key, positions: Array(state.queue)).encode(into: &$0) }
        writer.field(2, state.attempt)
        writer.field(3, state.nextTry)
        writer.field(4, UInt8(state.isDead ? 1 : 0))
        if let failure = state.failure { writer.field(5) { failure.encode(into: &$0) } }
      }
    }
    if !states.isEmpty {
      writer.field(11) { states.encode(into: &$0) }
      writer.field(12) { states.encodeShared(into: &$0) }
    }
    if !open.isEmpty {
      writer.field(15) { open.encode(into: &$0) }
      if open.hasGivenUp { writer.field(16) { open.encodeGivenUp(into: &$0) } }
      if !open.listeners.isEmpty { writer.field(17) { open.listeners.encode(into: &$0) } }
    }
    for key in pausedKeys.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) { writer.field(14, key.bytes) }
    if messages != MessageCount() {
      writer.field(13) { writer in
        writer.field(1, messages.published)
        writer.field(2, messages.settled)
        writer.field(3, messages.dropped)
      }
    }
    letters.forEach { letter in
      writer.field(10) { writer in
        writer.field(1) { letter.id.encode(into: &$0) }
        writer.field(2, letter.position)
        writer.field(3, letter.key.bytes)
        writer.field(4, UInt8(letter.isBlocking ? 1 : 0))
        if let wake = letter.wake {
          writer.field(5, wake.keyHash)
          writer.field(6, wake.place)
        }
      }
      return true
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
        isPaused = field.integer & 1 != 0
        isRemoved = field.integer & 2 != 0
        isForgotten = field.integer & 4 != 0
      case 5: cursor = field.integer
      case 6: hearing.append(field.text)
      case 7: keyRule = field.text
      case 8: scriptHash = ContentHash(bytes: field.array)
      case 9: guard addBlocked(field.fields) else { return nil }
      case 11: guard states.add(field.value) else { return nil }
      case 12: guard states.addShared(field.value) else { return nil }
      case 15: guard open.add(field.value) else { return nil }
      case 16: guard open.addGivenUp(field.value) else { return nil }
      case 17: guard open.addListeners(field.value) else { return nil }
      case 14: pausedKeys.insert(KeyBytes(field.value))
      case 13:
        for part in field.fields {
          switch part.tag {
          case 1: messages.published = part.integer
          case 2: messages.settled = part.integer
          case 3: messages.dropped = part.integer
          default: return nil
          }
        }
      case 10: guard addLetter(field.fields) else { return nil }
      default: return nil
      }
    }
    var agrees = true
    letters.forEach { letter in
      if letter.isBlocking, !blocks(letter) { agrees = false }
      return agrees
    }
    if !agrees { return nil }
  }

  /// False when a blocked key has nothing that waits, or stands there twice.
  private mutating func addBlocked(_ fields: FieldReader) -> Bool {
    var units = ProgressRecord.QueuedUnits(key: KeyBytes([]), positions: [])
    var read = BlockedKey(queue: [])
    for part in fields {
      switch part.tag {
      case 1: units = ProgressRecord.QueuedUnits(part.fields)
      case 2: read.attempt = UInt32(truncatingIfNeeded: part.integer)
      case 3: read.nextTry = Int64(bitPattern: part.integer)
      case 4: read.isDead = part.integer != 0
      case 5: read.failure = LetterID(part.fields)
      default: break
      }
    }
    read.queue.append(contentsOf: units.positions)
    if read.queue.isEmpty || blocked[units.key] != nil { return false }
    blocked.update(units.key) { $0 = read }
    return true
  }

  /// False when the letters do not ascend.
  private mutating func addLetter(_ fields: FieldReader) -> Bool {
    var letter = DeadLetter(id: LetterID(commit: 0, index: 0), position: 0, key: KeyBytes([]), isBlocking: false)
    var wake = InstancePlace(keyHash: 0, place: 0)
    for part in fields {
      switch part.tag {
      case 1: letter.id = LetterID(part.fields)
      case 2: letter.position = part.integer
      case 3: letter.key = KeyBytes(part.value)
      case 4: letter.isBlocking = part.integer != 0
      case 5: wake.keyHash = part.integer
      case 6: wake.place = part.integer
      default: break
      }
    }
    if wake.place > 0 { letter.wake = wake }
    return letters.appendIfLater(letter)
  }
}
