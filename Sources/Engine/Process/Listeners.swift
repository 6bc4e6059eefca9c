import Algorithms
import Events

/// Which instances of a process hear what is about other subjects than their keys: by the hash of the subject the hashes of
/// their keys. A fold of `instance` records; empty for a process whose `hears` has no entry with a name.
///
/// About 40 bytes for an instance that listens to a subject alone, 8 for each that shares one. What shares a hash is found
/// too: whoever is told looks whether it is meant.
package struct Listeners: Equatable, Sendable {
  /// In order, so that equal listeners are equal values. A key stands there once for each key that has its hash.
  private enum Keys: Equatable, Sendable {
    case one(UInt64)
    case several([UInt64])
  }

  private var keys: [UInt64: Keys] = [:]

  package init() {}

  package var isEmpty: Bool { keys.isEmpty }

  /// The hashes of the keys that listen to a subject, ascending.
  package func keys(of subject: UInt64) -> [UInt64] {
    switch keys[subject] {
    case nil: []
    case .one(let key)?: [key]
    case .several(let keys)?: keys
    }
  }

  mutating func apply(_ record: InstanceRecord) {
    for subject in record.ceasesToHear { remove(record.keyHash, from: subject) }
    for subject in record.beginsToHear { insert(record.keyHash, into: subject) }
  }

  private mutating func insert(_ key: UInt64, into subject: UInt64) {
    guard let index = keys.index(forKey: subject) else {
      keys[subject] = .one(key)
      return
    }
    var all = keys(of: subject)
    // Not held twice while it grows.
    keys.values[index] = .several([])
    all.insert(key, at: all.place(of: key))
    keys.values[index] = .several(all)
  }

  private mutating func remove(_ key: UInt64, from subject: UInt64) {
    guard let index = keys.index(forKey: subject) else { return }
    var all = keys(of: subject)
    keys.values[index] = .several([])
    let place = all.place(of: key)
    if place < all.count, all[place] == key { all.remove(at: place) }
    switch all.count {
    case 0: keys.remove(at: index)
    case 1: keys.values[index] = .one(all[0])
    default: keys.values[index] = .several(all)
    }
  }

  // MARK: snapshots

  /// In order, so that equal listeners give equal bytes.
  func encode(into writer: inout ByteWriter) {
    for subject in keys.keys.sorted() {
      for key in keys(of: subject) {
        writer.append(subject)
        writer.append(key)
      }
    }
  }

  /// False when the bytes are not what `encode` writes.
  mutating func add(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress, bytes.count % 16 == 0, keys.isEmpty else { return bytes.isEmpty }
    for at in stride(from: 0, to: bytes.count, by: 16) {
      insert(base.integer(UInt64.self, at: at + 8), into: base.integer(UInt64.self, at: at))
    }
    return true
  }
}

extension [UInt64] {
  /// Of a sorted array: where an element stands, or would.
  fileprivate func place(of value: UInt64) -> Int { partitioningIndex { $0 >= value } }
}
