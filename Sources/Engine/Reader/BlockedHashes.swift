import Events

/// The blocked keys of a reader by their hashes: a quick first look before keys are compared.
struct BlockedHashes {
  private var keys: [UInt64: KeyBytes] = [:]
  /// Further keys of hashes that several share: nearly always none.
  private var others: [UInt64: Set<KeyBytes>] = [:]

  init() {}

  init(of blocked: BlockedKeys, _ hash: StableHash) {
    for key in blocked.all { insert(key, key.hash(hash)) }
  }

  var isEmpty: Bool { keys.isEmpty }

  func contains(_ hash: UInt64) -> Bool { keys.index(forKey: hash) != nil }

  func keys(of hash: UInt64) -> [KeyBytes] {
    guard let key = keys[hash] else { return [] }
    return [key] + (others[hash] ?? [])
  }

  mutating func insert(_ key: KeyBytes, _ hash: UInt64) {
    guard let first = keys[hash] else { return keys[hash] = key }
    if first != key { others[hash, default: []].insert(key) }
  }

  mutating func remove(_ key: KeyBytes, _ hash: UInt64) {
    if keys[hash] == key {
      keys[hash] = others[hash]?.popFirst()
    } else {
      others[hash]?.remove(key)
    }
    if others[hash]?.isEmpty == true { others[hash] = nil }
  }
}
