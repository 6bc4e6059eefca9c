internal import Events

/// The documents of one projection that were touched lately. What has changed since the last commit is dirty; the rest
/// is as in the database.
struct DocumentCache {
  struct Entry {
    let key: [UInt8]
    /// The next entry whose key has the same hash; -1: none.
    var next: Int32
    /// Whether the rest is known: from the database, or since it was folded.
    var isLoaded = false
    var isDirty = false
    /// The batch that touched it last.
    var batch: UInt64
    /// Whether its events are not folded any more.
    var isFrozen = false
    /// Its JSON; nil: there is no document.
    var document: [UInt8]?
    /// The event that was folded in last.
    var position: UInt64 = 0
  }

  private(set) var entries: ContiguousArray<Entry> = []
  private var firsts: [UInt64: Int32] = [:]
  /// Entries that the database must give, and those that it must be given.
  private(set) var missing: [Int32] = []
  private(set) var dirty: [Int32] = []
  /// Of keys and documents, roughly.
  private var bytes = 0
  private let limit: Int
  /// The one under way.
  private var batch: UInt64 = 0

  /// - limit: about how many bytes stay from batch to batch.
  init(limit: Int) { self.limit = limit }

  subscript(index: Int32) -> Entry {
    get { entries[Int(index)] }
    _modify { yield &entries[Int(index)] }
  }

  /// The entry of a key, which is in use from now on; made when there is none, and then among `missing`.
  mutating func entry(_ key: UnsafeRawBufferPointer, hash: UInt64) -> Int32 {
    let first = firsts[hash] ?? -1
    var index = first
    while index >= 0 {
      let isIt = entries[Int(index)].key.withUnsafeBytes { $0.equals(key) }
      if isIt {
        entries[Int(index)].batch = batch
        return index
      }
      index = entries[Int(index)].next
    }
    let new = Int32(entries.count)
    entries.append(Entry(key: Array(key), next: first, batch: batch))
    firsts[hash] = new
    missing.append(new)
    bytes += key.count + 128
    return new
  }

  /// What the database has for an entry that was missing.
  mutating func load(_ index: Int32, document: UnsafeRawBufferPointer?, position: UInt64, isFrozen: Bool) {
    entries[Int(index)].document = document.map { Array($0) }
    entries[Int(index)].position = position
    entries[Int(index)].isFrozen = isFrozen
    entries[Int(index)].isLoaded = true
    bytes += document?.count ?? 0
  }

  mutating func loadedMissing() { missing.removeAll(keepingCapacity: true) }

  /// The document has changed; nil: it is removed.
  mutating func set(_ index: Int32, document: UnsafeRawBufferPointer?, position: UInt64) {
    let place = Int(index)
    bytes += (document?.count ?? 0) - (entries[place].document?.count ?? 0)
    entries[place].document = document.map { Array($0) }
    entries[place].position = position
    if !entries[place].isDirty {
      entries[place].isDirty = true
      dirty.append(index)
    }
  }

  /// Everything dirty is in the database now. What the last batch did not touch makes room when there is too much.
  mutating func committed() {
    for index in dirty { entries[Int(index)].isDirty = false }
    dirty.removeAll(keepingCapacity: true)
    if bytes > limit { keepWhatIsInUse() }
    batch += 1
  }

  private mutating func keepWhatIsInUse() {
    let (old, hashes) = (entries, firsts)
    entries.removeAll(keepingCapacity: true)
    firsts.removeAll(keepingCapacity: true)
    bytes = 0
    for (hash, first) in hashes {
      var index = first
      while index >= 0 {
        var entry = old[Int(index)]
        index = entry.next
        let size = entry.key.count + 128 + (entry.document?.count ?? 0)
        // Half of the room is for what comes.
        guard entry.batch == batch, bytes + size <= limit / 2 else { continue }
        entry.next = firsts[hash] ?? -1
        firsts[hash] = Int32(entries.count)
        bytes += size
        entries.append(entry)
      }
    }
  }

  /// Forgets everything, also what has changed.
  mutating func removeAll() { self = DocumentCache(limit: limit) }
}
