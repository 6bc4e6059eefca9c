import Client

/// Where a text that was typed is no JSON.
enum MistakeText {
  /// The place, counted in characters from 1, what is wrong there, and the line with a mark below it.
  static func text(_ mistake: JSONMistake, in text: String) -> String {
    let before = String(decoding: text.utf8.prefix(mistake.offset), as: UTF8.self)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let number = before.utf8.count { $0 == UInt8(ascii: "\n") }
    let column = before.split(separator: "\n", omittingEmptySubsequences: false).last?.count ?? 0
    let place = lines.count > 1 ? "line \(number + 1), position \(column + 1)" : "position \(column + 1)"
    guard number < lines.count, lines[number].count <= 100 else { return "\(place): \(mistake.what)" }
    return "\(place): \(mistake.what)\n  \(lines[number])\n  \(String(repeating: " ", count: column))^"
  }
}
