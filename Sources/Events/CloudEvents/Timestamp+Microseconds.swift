extension Timestamp {
  /// A time (µs since 1970) as RFC 3339 in UTC, with microseconds.
  package static func text(_ microseconds: Int64) -> String {
    var writer = ByteWriter(capacity: 32)
    write(microseconds, into: &writer)
    return writer.bytes.text
  }

  /// Microseconds since 1970 UTC of an RFC 3339 time or a plain date (midnight UTC), or nil when `text` is neither. A leap second counts as the second after it.
  /// Digits beyond microseconds are cut off.
  package static func microseconds(_ text: UnsafeRawBufferPointer) -> Int64? {
    var reader = Reader(text: text)
    guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2), reader.take("-"),
      let day = reader.digits(2), (1...12).contains(month), (1...daysIn(month, of: year)).contains(day)
    else { return nil }
    let midnight = days(year, month, day) * 86400
    if reader.isAtEnd { return midnight * 1_000_000 }
    guard reader.take("T") || reader.take("t") || reader.take(" "), let hour = reader.digits(2), reader.take(":"),
      let minute = reader.digits(2), reader.take(":"), let second = reader.digits(2),
      hour < 24, minute < 60, second <= 60
    else { return nil }
    guard let fraction = reader.fraction(), let offset = reader.offset(), reader.isAtEnd else { return nil }
    return (midnight + hour * 3600 + minute * 60 + second - offset) * 1_000_000 + fraction
  }

  package static func microseconds(_ text: String) -> Int64? {
    var text = text
    return text.withUTF8 { microseconds(UnsafeRawBufferPointer($0)) }
  }

  package static func daysIn(_ month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 4, 6, 9, 11: 30
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    default: 31
    }
  }

  /// Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March so that the leap day is last.
  package static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private struct Reader {
    let text: UnsafeRawBufferPointer
    var at = 0

    var isAtEnd: Bool { at == text.count }
    var next: UInt8 { at < text.count ? text[at] : 0 }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard next == UInt8(ascii: character) else { return false }
      at += 1
      return true
    }

    mutating func digits(_ count: Int) -> Int64? {
      guard at + count <= text.count else { return nil }
      var value: Int64 = 0
      for _ in 0..<count {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) else { return nil }
        value = value * 10 + Int64(next - UInt8(ascii: "0"))
        at += 1
      }
      return value
    }

    /// Microseconds after the point; 0 without one.
    mutating func fraction() -> Int64? {
      guard take(".") else { return 0 }
      var (value, count): (Int64, Int) = (0, 0)
      while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) {
        if count < 6 { value = value * 10 + Int64(next - UInt8(ascii: "0")) }
        count += 1
        at += 1
      }
      if count == 0 { return nil }
      for _ in min(count, 6)..<6 { value *= 10 }
      return value
    }

    /// Seconds east of UTC.
    mutating func offset() -> Int64? {
      if take("Z") || take("z") { return 0 }
      let sign: Int64 = next == UInt8(ascii: "-") ? -1 : 1
      guard take("+") || take("-"), let hours = digits(2), take(":"), let minutes = digits(2), hours < 24, minutes < 60
      else { return nil }
      return sign * (hours * 3600 + minutes * 60)
    }
  }
}
