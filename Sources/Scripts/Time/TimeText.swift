internal import Events

/// Instants (milliseconds since 1970 UTC) as text, and back.
enum TimeText {
  /// The instants that have a text: the years 1 to 9999, but for a day at both ends, which some zones shift out.
  static let range: ClosedRange<Int64> = -62_135_510_400_000...253_402_214_399_999

  /// `2026-01-31T13:00:00+01:00`, with milliseconds when there are some.
  static func write(_ instant: Int64, in zone: Zone, into writer: inout ByteWriter) {
    // Offsets have whole minutes in RFC 3339; those of clocks that went by the sun are cut.
    let minutes = zone.offset(at: instant) / 60_000
    let wall = WallTime(instant + minutes * 60_000)
    let date = Timestamp.civil(wall.day)
    func part(_ value: Int64, _ digits: Int, _ after: Unicode.Scalar? = nil) {
      writer.appendDecimal(UInt64(value), digits: digits)
      if let after { writer.append(UInt8(ascii: after)) }
    }
    part(date.year, 4, "-")
    part(date.month, 2, "-")
    part(date.day, 2, "T")
    part(wall.time / 3_600_000, 2, ":")
    part(wall.time / 60_000 % 60, 2, ":")
    part(wall.time / 1000 % 60, 2)
    if wall.time % 1000 != 0 {
      writer.append(UInt8(ascii: "."))
      part(wall.time % 1000, 3)
    }
    if zone == .utc { return writer.append(UInt8(ascii: "Z")) }
    writer.append(UInt8(ascii: minutes < 0 ? "-" : "+"))
    part(abs(minutes) / 60, 2, ":")
    part(abs(minutes) % 60, 2)
  }

  /// An RFC 3339 time, or a date: its midnight in UTC. With a zone also a time without offset, and the midnight of a date,
  /// as clocks show them there. Nil for other text.
  static func parse(_ text: UnsafeRawBufferPointer, in zone: Zone?) -> Int64? {
    let whole = Timestamp.microseconds(text)
    guard let zone else { return whole?.milliseconds }
    if let whole, text.count > dateLength { return whole.milliseconds }
    return wallTime(text).map { zone.instant(of: $0) }
  }

  private static let dateLength = 10

  /// A date, or a date and a time of day with or without seconds.
  static func wallTime(_ text: UnsafeRawBufferPointer) -> WallTime? {
    let text = String(decoding: text, as: UTF8.self)
    let endings = text.utf8.count == dateLength ? [""] : ["Z", ":00Z"]
    return endings.lazy.compactMap { Timestamp.microseconds(text + $0) }.first.map { WallTime($0.milliseconds) }
  }

  /// `08:00` or `08:00:30` as milliseconds after midnight.
  static func timeOfDay(_ text: String) -> Int64? {
    guard text.utf8.count == 5 || text.utf8.count == 8 else { return nil }
    let time = Timestamp.microseconds("1970-01-01T\(text)\(text.utf8.count == 5 ? ":00" : "")Z").map(\.milliseconds)
    return time.flatMap { (0..<WallTime.day).contains($0) ? $0 : nil }
  }
}
