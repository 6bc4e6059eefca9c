import Events

/// What an aggregate has made of the events of a subject at some moment.
struct SubjectState: Sendable {
  /// JSON.
  var json: [UInt8]
  /// Every event of the subject up to here is in it.
  var through: UInt64
  /// How many events were folded since it was last kept in a file.
  var folded: Int

  var bytes: Int { json.count + 96 }
}

/// A state that the engine has kept, on its way into a batch.
struct KnownSubject: Sendable {
  var state: SubjectState
  /// Positions of events that were appended since, ascending.
  var missed: [UInt64] = []
}

/// States of an aggregate's subjects in memory: those that were touched last. Whatever is not here is folded again.
struct SubjectCache {
  private var subjects: [KeyBytes: KnownSubject] = [:]
  private var keys: [UInt64: KeyBytes] = [:]
  private var bytes = 0

  /// A subject that is left alone for more of its events is forgotten: reading them is as quick later.
  private static let mostMissed = 256

  var isEmpty: Bool { subjects.isEmpty }

  subscript(key: KeyBytes) -> KnownSubject? { subjects[key] }

  mutating func note(_ key: KeyBytes, _ keyHash: UInt64, _ state: SubjectState, mostBytes: Int) {
    if let other = keys[keyHash], other != key { forget(other, keyHash) }
    keys[keyHash] = key
    bytes += state.bytes + key.bytes.count
    if let old = subjects.updateValue(KnownSubject(state: state), forKey: key) {
      bytes -= old.state.bytes + key.bytes.count
    }
    while bytes > mostBytes, let other = keys.first { forget(other.value, other.key) }
  }

  /// An event of a subject that it may know was appended.
  mutating func missed(_ event: EntryView, subjectHash: UInt64, at position: UInt64) {
    guard let key = keys[subjectHash], let known = subjects[key], known.state.through < position,
      key.bytes.withUnsafeBytes({ $0.equals(event.subject) })
    else { return }
    if known.missed.count >= Self.mostMissed { return forget(key, subjectHash) }
    subjects[key]!.missed.append(position)
  }

  func knows(_ subjectHash: UInt64) -> Bool { keys[subjectHash] != nil }

  private mutating func forget(_ key: KeyBytes, _ keyHash: UInt64) {
    keys[keyHash] = nil
    if let old = subjects.removeValue(forKey: key) { bytes -= old.state.bytes + key.bytes.count }
  }
}
