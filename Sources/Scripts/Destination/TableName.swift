internal import Events

/// What names a table of PostgreSQL.
enum TableName {
  static let hint = "write table = \"inbox\" or \"schema.inbox\""

  static func isGood(_ text: String) -> Bool {
    let names = text.split(separator: ".", omittingEmptySubsequences: false)
    return (1...2).contains(names.count)
      && names.allSatisfy { (1...63).contains($0.utf8.count) && !$0.contains("\"") }
      && NameRule.declaration.allows(text)
  }
}
