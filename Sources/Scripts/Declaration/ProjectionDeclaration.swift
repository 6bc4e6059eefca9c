package import Events

/// A `projection` as its script declares it: checked, complete, with defaults filled in.
package struct ProjectionDeclaration: Sendable {
  package let name: String
  package let file: String
  package let line: Int
  /// Of its file, of those whose contracts make older events that it hears like newer ones, and of every module that
  /// these require: equal hashes, equal folds.
  package internal(set) var scriptHash: ContentHash
  /// The files that the hash is of, the declaring one first.
  package internal(set) var files: [String]
  package let key: KeyRule
  /// In the order of their patterns' bytes; an index into them is what `handler(forType:)` gives.
  package let handlers: [HandlerDeclaration]
  /// The document that a key begins with, as JSON.
  package let initial: [UInt8]
  package let index: [DocumentField]
  private let hearing: Hearing

  init(
    name: String, file: String, line: Int, scriptHash: ContentHash, files: [String], key: KeyRule,
    handlers: [HandlerDeclaration], initial: [UInt8], index: [DocumentField]
  ) {
    self.name = name
    self.file = file
    self.line = line
    self.scriptHash = scriptHash
    self.files = files
    self.key = key
    self.handlers = handlers
    self.initial = initial
    self.index = index
    hearing = Hearing(handlers.map(\.pattern))
  }

  /// The one function that folds events of `type`; nil when the projection does not hear it.
  package func handler(forType type: UnsafeRawBufferPointer) -> Int? { hearing.index(forType: type) }
}

/// A place in a document: a name, or names joined by dots (`address.city`).
package struct DocumentField: Sendable, Hashable, CustomStringConvertible {
  package let parts: [String]

  /// Nil unless each part is 1 to 128 bytes of text without control characters, quotes and backslashes, which a path of
  /// SQLite cannot express.
  package init?(_ text: String) {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    for part in parts {
      let isNamed = (1...NameRule.maximumDeclarationBytes).contains(part.count)
      guard isNamed, !part.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else { return nil }
    }
    guard NameRule.declaration.allows(text) else { return nil }
    self.parts = parts.map { String(Substring($0)) }
  }

  package var description: String { parts.joined(separator: ".") }

  /// What every row of a view has beside its document.
  package static let reserved = ["key", "document", "position"]
}
