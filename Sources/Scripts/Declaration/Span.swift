/// A span of time as scripts write it: text with a unit, `"200ms"`, `"15m"`.
package enum Span {
  static let units: [(name: String, microseconds: Int64)] = [
    ("ms", 1000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000), ("d", 86_400_000_000),
    ("w", 604_800_000_000),
  ]
  /// Ten years.
  static let maximum: Int64 = 3650 * 86_400_000_000

  /// A span as it would be written, in the largest unit that divides it.
  static func text(_ microseconds: Int64) -> String {
    let unit = units.last { microseconds % $0.microseconds == 0 && microseconds > 0 } ?? units[0]
    return "\(microseconds / unit.microseconds)\(unit.name)"
  }

  /// Microseconds, or nil when `text` is not digits followed by a unit or is longer than `maximum`.
  package static func microseconds(_ text: String) -> Int64? {
    let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard !digits.isEmpty, let amount = Int64(String(digits)!),
      let unit = units.first(where: { $0.name.utf8.elementsEqual(text.utf8.dropFirst(digits.count)) })
    else { return nil }
    let (span, overflow) = amount.multipliedReportingOverflow(by: unit.microseconds)
    return overflow || span > maximum ? nil : span
  }
}
