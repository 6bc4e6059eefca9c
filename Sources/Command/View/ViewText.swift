import Client
import Foundation
import Wire

/// Views and their documents, for people.
enum ViewText {
  /// Key, position and document, on one line.
  static func line(_ document: ViewDocumentText, width: Int?) -> String {
    var text = "\(document.key)  \(document.position)  \(String(decoding: document.document, as: UTF8.self))"
    if let error = document.error { text += "  FROZEN: \(error.split(separator: "\n").first ?? "")" }
    return EventLine.shortened(EventLine.harmless(text), to: width)
  }

  /// A table, and below it what is the matter with some.
  static func list(_ views: [StatusReport.View]) -> String {
    if views.isEmpty { return "no views" }
    let rows =
      [["VIEW", "STATE", "POSITION", "LAG", "FROZEN"]]
      + views.map { [$0.name, state($0), "\($0.position)", "\($0.lag)", "\($0.frozen)"] }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let table = rows.map { row in
      row.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        return column < 2 ? row[column] + space : space + row[column]
      }.joined(separator: "  ")
    }
    return (table + views.flatMap(notes)).joined(separator: "\n")
  }

  private static func state(_ view: StatusReport.View) -> String {
    guard let rebuild = view.rebuild else { return view.state }
    return rebuild.error == nil ? "\(view.state), rebuilding" : "\(view.state), old code"
  }

  private static func notes(_ view: StatusReport.View) -> [String] {
    var notes: [String] = []
    if let note = view.note { notes.append("\(view.name): \(note)") }
    if view.state == "building" {
      notes.append(
        "\(view.name): folded for the first time: \(progress(view.position, view.lag, view.rate, view.secondsLeft))")
    }
    if view.state == "full" {
      notes.append("\(view.name): \(view.waiting) events of frozen keys wait: it reads on after the next deploy")
    }
    if let rebuild = view.rebuild {
      if let error = rebuild.error {
        notes.append(
          "\(view.name): the new code was given up at event \(rebuild.failedAt ?? 0), key \"\(rebuild.failedKey ?? "")\": "
            + error)
      } else {
        notes.append(
          "\(view.name): folded anew: \(progress(rebuild.position, rebuild.lag, rebuild.rate, rebuild.secondsLeft))")
      }
    }
    return notes
  }

  /// `41 % (82000 of 200000), 90000/s, 1.3 s left`
  private static func progress(_ position: UInt64, _ lag: UInt64, _ rate: Double, _ left: Double?) -> String {
    let end = position + lag
    let part = end == 0 ? 100 : position * 100 / end
    var text = "\(part) % (\(position) of \(end))"
    if rate > 0 { text += ", \(Int(rate))/s" }
    if let left { text += ", \(span(left)) left" }
    return text
  }

  private static func span(_ seconds: Double) -> String {
    switch seconds {
    case ..<60: String(format: "%.1f s", seconds)
    case ..<3600: "\(Int(seconds / 60)) min"
    default: String(format: "%.1f h", seconds / 3600)
    }
  }
}
