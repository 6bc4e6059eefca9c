/// A span that scripts add to a time: so many milliseconds, days or months. `"90m"`, `"-2d"`, `"1mo"`, `"1y"`.
enum CalendarSpan: Equatable {
  case milliseconds(Int64)
  case days(Int64)
  case months(Int64)

  /// Beyond these every time leaves the years that can be written.
  private static let mostDays: Int64 = 3_652_059
  private static let mostMonths: Int64 = 120_000

  /// Nil when `text` is no whole number with a unit.
  init?(_ text: String) {
    let isNegative = text.utf8.first == UInt8(ascii: "-")
    let rest = text.utf8.dropFirst(isNegative ? 1 : 0)
    let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard !digits.isEmpty, let size = Int64(String(digits)!) else { return nil }
    let amount = isNegative ? -size : size
    func scaled(by factor: Int64, atMost limit: Int64) -> Int64? {
      let (product, overflow) = amount.multipliedReportingOverflow(by: factor)
      return overflow || abs(product) > limit ? nil : product
    }
    let unit = String(rest.dropFirst(digits.count)) ?? ""
    switch unit {
    case "d", "w":
      guard let days = scaled(by: unit == "d" ? 1 : 7, atMost: Self.mostDays) else { return nil }
      self = .days(days)
    case "mo", "y":
      guard let months = scaled(by: unit == "mo" ? 1 : 12, atMost: Self.mostMonths) else { return nil }
      self = .months(months)
    default:
      guard let unit = Span.units.first(where: { $0.name == unit }),
        let milliseconds = scaled(by: unit.microseconds / 1000, atMost: Self.mostDays * WallTime.day)
      else { return nil }
      self = .milliseconds(milliseconds)
    }
  }
}
