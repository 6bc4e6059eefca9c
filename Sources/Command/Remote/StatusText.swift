import Foundation
import Wire

/// The state of a daemon, for people.
enum StatusText {
  static func text(_ report: StatusReport) -> String {
    let log = report.log
    var lines = [
      "moondance \(report.version), log \(log.name) (\(log.id))",
      "log: head \(log.head), durable \(log.durable), \(size(log.bytes))",
      "generation \(report.generation.number), \(report.generation.scripts.count) scripts",
    ]
    let width = report.generation.scripts.map(\.path.count).max() ?? 0
    lines += report.generation.scripts.map { "  \(padded($0.path, to: width))  \($0.hash.prefix(12))" }
    if let error = report.generation.error {
      lines += ["", "THE LAST LOAD FAILED; generation \(report.generation.number) goes on:"]
      lines += error.split(separator: "\n").map { "  \($0)" }
    }
    lines.append("")
    lines += report.consumers.isEmpty ? ["no readers"] : table(report.consumers)
    if !report.views.isEmpty { lines += ["", ViewText.list(report.views)] }
    return lines.joined(separator: "\n")
  }

  private static func table(_ readers: [StatusReport.Consumer]) -> [String] {
    let rows =
      [["READER", "STATE", "CURSOR", "LAG", "BLOCKED", "DEAD LETTERS"]]
      + readers.map {
        [$0.name, $0.state, "\($0.cursor)", "\($0.lag)", "\($0.blocked)", "\($0.deadLetters)"]
      }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      row.indices.map { column in
        // Names stand at the left, numbers at the right.
        column < 2 ? padded(row[column], to: widths[column]) : padded(row[column], to: -widths[column])
      }.joined(separator: "  ")
    }
  }

  /// With spaces behind up to `width`, or before when it is negative.
  private static func padded(_ text: String, to width: Int) -> String {
    let space = String(repeating: " ", count: max(0, abs(width) - text.count))
    return width < 0 ? space + text : text + space
  }

  /// `12.3 MB`
  static func size(_ bytes: UInt64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"]
    var (value, unit) = (Double(bytes), 0)
    while value >= 1000, unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
    return unit == 0 ? "\(bytes) bytes" : String(format: "%.1f %@", value, units[unit])
  }
}
