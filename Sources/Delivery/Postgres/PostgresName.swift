/// Names as they stand in statements, whatever characters they have.
enum PostgresName {
  static func quoted(_ name: some StringProtocol) -> String { "\"\(String(name).replacing("\"", with: "\"\""))\"" }

  /// `schema.name`, or a name alone.
  static func quoted(table: String) -> String {
    table.split(separator: ".", omittingEmptySubsequences: false).map { quoted($0) }.joined(separator: ".")
  }
}
