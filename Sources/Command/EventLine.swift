import Client

/// An event as one line for people.
struct EventLine {
  /// Columns that position, type and subject had so far: lines of one output stand below each other.
  private var widths = (position: 1, type: 4, subject: 1)

  mutating func text(of event: Event, within width: Int?) -> String {
    let position = "\(event.position)"
    let (type, subject) = (Self.escaped(event.type), Self.escaped(event.subject))
    widths = (
      max(widths.position, position.count), max(widths.type, type.count), max(widths.subject, min(40, subject.count))
    )
    let line =
      Self.padded(position, widths.position) + "  " + Self.clock(event.time) + "  " + Self.padded(type, widths.type) + "  "
      + Self.padded(subject, widths.subject) + "  " + Self.escaped(event.data)
    guard let width, line.count > width else { return line }
    return line.prefix(max(1, width - 1)) + "…"
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// `2026-11-23T10:00:00.123456Z` as `2026-11-23 10:00:00.123`.
  static func clock(_ time: String) -> String {
    guard let t = time.firstIndex(where: { $0 == "T" || $0 == "t" }) else { return time }
    let clock = time[time.index(after: t)...].prefix { $0.isNumber || $0 == ":" || $0 == "." }
    let text = time[..<t] + " " + clock.prefix(12)
    return clock.count <= 8 ? text + ".000" : String(text)
  }

  /// Control characters must not move the cursor of the terminal.
  static func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }) else { return text }
    return text.unicodeScalars.map { scalar in
      scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
        ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    }.joined()
  }
}
