import Events
import Scripts
import Synchronization

/// What workers have folded for `read`, shared by all of them: a cache, of which nothing has to outlive the process.
/// Everything in it follows from the log and the code, so who put it there, and when, changes no answer.
package final class ReadStore: Sendable {
  /// Memory for documents, about.
  package static let documentBytes = 64 << 20

  /// Longer than this no call waits for what it reads. What was folded by then is kept, and the call is made again.
  let longestNanoseconds: Int64
  private let documents: Mutex<FoldedDocuments>
  private let folds = Mutex<[Name: Fold]>([:])
  private let mostPairs: Int

  /// Equal hashes: equal folds.
  private struct Name: Hashable {
    let name: [UInt8]
    let script: ContentHash
  }

  /// One projection or aggregate by one version of its code. Its index is there as long as a worker has the code.
  private struct Fold {
    let number: UInt32
    weak var index: KeyIndex?
  }

  package init(
    documentBytes: Int = ReadStore.documentBytes, mostPairs: Int? = nil, longestNanoseconds: Int64 = 10_000_000_000
  ) {
    self.longestNanoseconds = longestNanoseconds
    documents = Mutex(FoldedDocuments(limit: documentBytes))
    self.mostPairs = mostPairs ?? KeyIndex.mostPairs
  }

  func fold(named name: String, _ script: ContentHash) -> (number: UInt32, index: KeyIndex) {
    folds.withLock { folds in
      let name = Name(name: Array(name.utf8), script: script)
      let number = folds[name]?.number ?? UInt32(folds.count)
      let index = folds[name]?.index ?? KeyIndex(mostPairs: mostPairs)
      folds[name] = Fold(number: number, index: index)
      return (number, index)
    }
  }

  func find(_ key: FoldedDocuments.Key, at position: UInt64) -> FoldedDocument? {
    documents.withLock { $0.find(key, at: position) }
  }

  func keep(_ document: FoldedDocument, of key: FoldedDocuments.Key) {
    documents.withLock { $0.keep(document, of: key) }
  }
}
