/// A document as it was after some event, and up to where it stayed so.
struct FoldedDocument {
  /// The event that made it so; 0: nothing has.
  var changed: UInt64 = 0
  /// Everything up to here is folded into it; `frozen`: it stays so for ever.
  var through: UInt64 = 0
  /// JSON; nil: there is none.
  var bytes: [UInt8]?

  static let frozen = UInt64.max
}

/// Documents that were read lately, at up to four moments each, in bounded memory. What is dropped is folded again when
/// it is asked for.
struct FoldedDocuments {
  struct Key: Hashable {
    /// A projection or an aggregate by one version of its code.
    let fold: UInt32
    let key: KeyBytes
  }

  /// Readers at different places of the log (one catches up, one tries again) would otherwise push each other out.
  private static let moments = 4

  /// What was touched since `recent` was last full, and what was touched before: two halves, so that the documents that
  /// are in use stay and nothing is kept about their order.
  private var recent: [Key: [FoldedDocument]] = [:]
  private var older: [Key: [FoldedDocument]] = [:]
  private var recentBytes = 0
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// The last document that had come about at `position`: from it the one at `position` follows.
  mutating func find(_ key: Key, at position: UInt64) -> FoldedDocument? {
    if let found = recent[key] { return found.last { $0.changed <= position } }
    guard let found = older.removeValue(forKey: key) else { return nil }
    put(found, key)
    return found.last { $0.changed <= position }
  }

  mutating func keep(_ document: FoldedDocument, of key: Key) {
    var documents: [FoldedDocument] = []
    if let known = recent.removeValue(forKey: key) {
      recentBytes -= Self.bytes(known, key)
      documents = known
    } else if let known = older.removeValue(forKey: key) {
      documents = known
    }
    if let index = documents.firstIndex(where: { $0.changed == document.changed }) {
      documents[index].through = max(documents[index].through, document.through)
    } else {
      let place = documents.firstIndex { $0.changed > document.changed } ?? documents.count
      documents.insert(document, at: place)
      if documents.count > Self.moments { documents.remove(at: place == 0 ? 1 : 0) }
    }
    put(documents, key)
  }

  private mutating func put(_ documents: [FoldedDocument], _ key: Key) {
    recent[key] = documents
    recentBytes += Self.bytes(documents, key)
    if recentBytes <= limit / 2 { return }
    older = recent
    recent = [:]
    recentBytes = 0
  }

  private static func bytes(_ documents: [FoldedDocument], _ key: Key) -> Int {
    documents.reduce(160 + key.key.bytes.count) { $0 + 80 + ($1.bytes?.count ?? 0) }
  }
}
