/// RFC 3339 times, as CloudEvents write them.
package enum Timestamp {
  private static let microsecondsPerDay: Int64 = 86_400_000_000

  /// Whether `text` is an RFC 3339 date and time with an offset, in the Gregorian calendar. A leap second is allowed
  /// where one can be, in the last minute of a UTC day.
  package static func isValid(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count >= 20,
      let year = number(text, 0, 4), text[4] == UInt8(ascii: "-"),
      let month = number(text, 5, 2), text[7] == UInt8(ascii: "-"),
      let day = number(text, 8, 2), text[10] | 0x20 == UInt8(ascii: "t"),
      let hour = number(text, 11, 2), text[13] == UInt8(ascii: ":"),
      let minute = number(text, 14, 2), text[16] == UInt8(ascii: ":"),
      let second = number(text, 17, 2)
    else { return false }
    guard (1...12).contains(month), day >= 1, day <= days(in: month, of: year), hour <= 23, minute <= 59, second <= 60
    else { return false }
    var at = 19
    if text[at] == UInt8(ascii: ".") {
      let fraction = at + 1
      at = fraction
      while at < text.count, isDigit(text[at]) { at += 1 }
      if at == fraction { return false }
    }
    guard at < text.count, let offset = offsetMinutes(text, at) else { return false }
    let minuteOfDay = ((hour * 60 + minute - offset) % 1440 + 1440) % 1440
    return second < 60 || minuteOfDay == 1439
  }

  /// Minutes east of UTC that the rest of the text says.
  private static func offsetMinutes(_ text: UnsafeRawBufferPointer, _ at: Int) -> Int? {
    if text[at] | 0x20 == UInt8(ascii: "z") { return text.count == at + 1 ? 0 : nil }
    guard text[at] == UInt8(ascii: "+") || text[at] == UInt8(ascii: "-"), text.count == at + 6,
      let hours = number(text, at + 1, 2), text[at + 3] == UInt8(ascii: ":"), let minutes = number(text, at + 4, 2),
      hours <= 23, minutes <= 59
    else { return nil }
    return (hours * 60 + minutes) * (text[at] == UInt8(ascii: "-") ? -1 : 1)
  }

  /// Microseconds since 1970 as `2026-07-01T09:30:00.000000Z`.
  package static func write(_ microseconds: Int64, into writer: inout ByteWriter) {
    var day = microseconds / microsecondsPerDay
    var rest = microseconds % microsecondsPerDay
    if rest < 0 {
      day -= 1
      rest += microsecondsPerDay
    }
    let (year, month, dayOfMonth) = civil(day)
    writer.appendDecimal(UInt64(max(0, year)), digits: 4)
    writer.append(UInt8(ascii: "-"))
    writer.appendDecimal(UInt64(month), digits: 2)
    writer.append(UInt8(ascii: "-"))
    writer.appendDecimal(UInt64(dayOfMonth), digits: 2)
    writer.append(UInt8(ascii: "T"))
    writer.appendDecimal(UInt64(rest / 3_600_000_000), digits: 2)
    writer.append(UInt8(ascii: ":"))
    writer.appendDecimal(UInt64(rest / 60_000_000 % 60), digits: 2)
    writer.append(UInt8(ascii: ":"))
    writer.appendDecimal(UInt64(rest / 1_000_000 % 60), digits: 2)
    writer.append(UInt8(ascii: "."))
    writer.appendDecimal(UInt64(rest % 1_000_000), digits: 6)
    writer.append(UInt8(ascii: "Z"))
  }

  /// The Gregorian date of a day since 1970-01-01, counted in eras of 400 years that begin on the first of March.
  package static func civil(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
  }

  private static func days(in month: Int, of year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  private static func number(_ text: UnsafeRawBufferPointer, _ at: Int, _ digits: Int) -> Int? {
    var value = 0
    for index in at..<(at + digits) {
      guard isDigit(text[index]) else { return nil }
      value = value * 10 + Int(text[index] - UInt8(ascii: "0"))
    }
    return value
  }
}
