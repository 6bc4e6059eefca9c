import Events

/// Where in the log the states of a consumer's keys are: the commit of the newest `instance` record, by the hash of the
/// key. Sixteen bytes a key and some air; the states themselves stay in the log. Whoever reads one compares the key.
package struct StatePlaces: Equatable, Sendable {
  private var commits: [UInt64: UInt64] = [:]
  /// Hashes that two keys share: their entries stay even when the newest record says that nothing is kept.
  private var shared: Set<UInt64> = []

  package init() {}

  package var count: Int { commits.count }
  package var isEmpty: Bool { commits.isEmpty }

  package subscript(keyHash: UInt64) -> UInt64? { commits[keyHash] }

  package func isShared(_ keyHash: UInt64) -> Bool { !shared.isEmpty && shared.contains(keyHash) }

  mutating func apply(_ record: InstanceRecord, commit: UInt64) {
    if record.sharesHash { shared.insert(record.keyHash) }
    if record.state == nil && !shared.contains(record.keyHash) {
      commits[record.keyHash] = nil
    } else {
      commits[record.keyHash] = commit
    }
  }

  /// In the order of the hashes, so that equal places give equal bytes.
  func encode(into writer: inout ByteWriter) {
    for (hash, commit) in commits.sorted(by: { $0.key < $1.key }) {
      writer.append(hash)
      writer.append(commit)
    }
  }

  func encodeShared(into writer: inout ByteWriter) {
    for hash in shared.sorted() { writer.append(hash) }
  }

  /// False when the bytes are not what `encode` writes.
  mutating func add(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress, bytes.count % 16 == 0, commits.isEmpty else { return bytes.isEmpty }
    for offset in stride(from: 0, to: bytes.count, by: 16) {
      commits[base.integer(UInt64.self, at: offset)] = base.integer(UInt64.self, at: offset + 8)
    }
    return commits.count == bytes.count / 16
  }

  /// False when the bytes are not what `encodeShared` writes of the places that were added before.
  mutating func addShared(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress, bytes.count % 8 == 0 else { return bytes.isEmpty }
    for offset in stride(from: 0, to: bytes.count, by: 8) {
      let hash = base.integer(UInt64.self, at: offset)
      if commits[hash] == nil { return false }
      shared.insert(hash)
    }
    return true
  }
}
