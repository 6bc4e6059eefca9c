/// Rows in columns, for people: text stands at the left, numbers at the right. Columns may grow while rows come.
struct TextTable {
  private let header: [String]
  private let numbers: Set<Int>
  private var widths: [Int]
  private var hasBegun = false

  /// - numbers: the columns that hold numbers.
  init(_ header: [String], numbers: Set<Int> = []) {
    (self.header, self.numbers) = (header, numbers)
    widths = header.map(\.count)
  }

  /// The lines of these rows, after the header when they are the first ones. A line longer than `width` columns ends
  /// with `…`; nil: none is too long.
  mutating func lines(_ rows: [[String]], width: Int? = nil) -> [String] {
    let rows = rows.map { $0.map(EventLine.harmless) }
    for row in rows {
      for (column, text) in row.enumerated() { widths[column] = max(widths[column], text.count) }
    }
    let all = hasBegun ? rows : [header] + rows
    hasBegun = true
    return all.map { row in
      let cells = row.enumerated().map { column, text in
        let space = String(repeating: " ", count: max(0, widths[column] - text.count))
        if numbers.contains(column) { return space + text }
        return column == row.count - 1 ? text : text + space
      }
      return EventLine.shortened(cells.joined(separator: "  "), to: width)
    }
  }
}
