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
    if !report.warnings.isEmpty { lines += [""] + report.warnings.map { "WARNING: \($0)" } }
    lines += ["", readers(report.consumers)]
    if !report.outbox.isEmpty { lines += ["", destinations(report.outbox)] }
    if !report.processes.isEmpty { lines += [""] + report.processes.map { ProcessText.summary($0) } }
    if report.timers.pending > 0 {
      lines += ["", "\(report.timers.pending) timers, the next due \(report.timers.next ?? "")"]
    }
    if !report.views.isEmpty { lines += ["", ViewText.list(report.views)] }
    return lines.joined(separator: "\n")
  }

  /// A line for each, and below them what there is to say about their states.
  static func readers(_ readers: [StatusReport.Consumer]) -> String {
    if readers.isEmpty { return "no readers" }
    var table = TextTable(["READER", "STATE", "CURSOR", "LAG", "BLOCKED", "DEAD LETTERS"], numbers: [2, 3, 4, 5])
    var lines = table.lines(
      readers.map { [$0.name, $0.state, "\($0.cursor)", "\($0.lag)", "\($0.blocked)", "\($0.deadLetters)"] })
    lines += notes(readers.map { ($0.name, $0.note) })
    return lines.joined(separator: "\n")
  }

  /// The same for destinations.
  static func destinations(_ destinations: [StatusReport.Outbox]) -> String {
    if destinations.isEmpty { return "no destinations" }
    var table = TextTable(
      ["DESTINATION", "STATE", "PENDING", "BLOCKED", "DEAD LETTERS", "CURSOR"], numbers: [2, 3, 4, 5])
    var lines = table.lines(
      destinations.map {
        [$0.destination, $0.state, "\($0.pending)", "\($0.blocked)", "\($0.failed)", "\($0.cursor)"]
      })
    lines += notes(destinations.map { ($0.destination, $0.note) })
    return lines.joined(separator: "\n")
  }

  /// After an empty line, a line for each that there is something to say of.
  private static func notes(_ notes: [(name: String, note: String?)]) -> [String] {
    let lines = notes.compactMap { entry in entry.note.map { EventLine.harmless("\(entry.name): \($0)") } }
    return lines.isEmpty ? [] : [""] + lines
  }

  /// With spaces behind up to `width`.
  private static func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// `12.3 MB`
  static func size(_ bytes: UInt64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"]
    var (value, unit) = (Double(bytes), 0)
    while value >= 1000, unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
    return unit == 0 ? "\(bytes) bytes" : String(format: "%.1f %@", value, units[unit])
  }
}
