import Client
import Foundation

/// One event on one line, for people.
enum EventLine {
  /// Position, time, type, subject and data. Longer lines than `width` columns end with `…`; nil: none is too long.
  static func text(_ event: EventText, width: Int?) -> String {
    guard let members = try? JSONScanner.members(event.json) else { return String(decoding: event.json, as: UTF8.self) }
    func raw(_ name: String) -> String? {
      members.first { $0.name == name }.map { String(decoding: event.json[$0.value], as: UTF8.self) }
    }
    func string(_ name: String) -> String? {
      guard let text = raw(name) else { return nil }
      if !text.contains("\\") { return String(text.dropFirst().dropLast()) }
      return (try? JSONDecoder().decode([String].self, from: Data("[\(text)]".utf8)))?.first ?? text
    }
    var data = raw("data") ?? ""
    if let bytes = string("data_base64") { data = "base64 \(bytes)" }
    let type = string("type") ?? "-"
    let line = [
      raw("position") ?? "-", string("time") ?? "-", type + padding(type, to: 16), string("subject") ?? "-", data,
    ].joined(separator: "  ")
    return shortened(harmless(line), to: width)
  }

  private static func padding(_ text: String, to width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count))
  }

  /// Without the characters by which a text could steer a terminal.
  static func harmless(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
      result.append(isControl ? "\u{FFFD}" : scalar)
    }
    let line = String(result)
    return String(line.reversed().drop { $0 == " " }.reversed())
  }

  static func shortened(_ text: String, to width: Int?) -> String {
    guard let width, text.count > width else { return text }
    return text.prefix(max(0, width - 1)) + "…"
  }
}

/// Prints events, as lines for people or as CloudEvents.
struct EventPrinter {
  let isJSON: Bool
  let width = Output.terminalWidth

  func print(_ events: [EventText]) throws {
    var bytes: [UInt8] = []
    for event in events {
      bytes += isJSON ? event.json : Array(EventLine.text(event, width: width).utf8)
      bytes.append(UInt8(ascii: "\n"))
    }
    try Output.write(bytes)
  }

  /// Prints what `page` gives, page after page, from `selection` on to the end or until `limit` events are out.
  func printAll(
    _ selection: EventSelection, limit: Int?, _ page: (EventSelection) throws -> EventPage
  ) throws {
    var selection = selection
    var left = limit ?? Int.max
    while left > 0 {
      selection.limit = min(left, 1000)
      let found = try page(selection)
      try print(found.events)
      left -= found.events.count
      // A page can be empty and yet get on: searching a long log takes several.
      if found.events.isEmpty, selection.last != nil || selection.from.map({ found.next <= $0 }) ?? false { return }
      (selection.from, selection.last) = (found.next, nil)
    }
  }
}
