internal import Events

/// A cron expression: at which times of which dates something is due.
///
/// The five fields of crontab(5): minute, hour, day of the month, month, weekday. When both kinds of day are restricted
/// (neither begins with `*`) a date needs to be one of them only.
package struct Cron: Sendable, Hashable {
  /// Bit n: the value n.
  private let minutes: UInt64
  private let hours: UInt64
  private let days: UInt64
  private let months: UInt64
  /// Sunday is 0.
  private let weekdays: UInt64
  private let takesEitherDay: Bool
  /// Milliseconds into the minute.
  private let offset: Int64

  /// A date after which none matches: a 29 February on a given weekday comes every 28 years, and after 40 around 2100.
  private static let yearsToLook: Int64 = 41

  init(_ text: String) throws(Problem) {
    let fields = try Self.fields(of: text)
    minutes = try Field.minute.set(fields[0])
    hours = try Field.hour.set(fields[1])
    days = try Field.day.set(fields[2])
    months = try Field.month.set(fields[3])
    let weekdays = try Field.weekday.set(fields[4])
    // 7 is Sunday too.
    self.weekdays = (weekdays | weekdays >> 7) & 0x7F
    takesEitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
    offset = 0
    if date(from: 0) == nil { throw Problem("\"\(text)\" is no day of any year", "the month has no such day") }
  }

  /// Every day at a time, milliseconds after midnight.
  init(dailyAt time: Int64) {
    minutes = 1 << UInt64(time / 60_000 % 60)
    hours = 1 << UInt64(time / 3_600_000)
    (days, months, weekdays, takesEitherDay) = (.max, .max, .max, false)
    offset = time % 60_000
  }

  private static func fields(of text: String) throws(Problem) -> [String] {
    let text = text.hasPrefix("@") ? try written(out: text) : text
    let fields = text.split(separator: " ").map(String.init)
    if fields.count == 5 { return fields }
    throw Problem(
      "\"\(text)\" has \(fields.count) field\(fields.count == 1 ? "" : "s"), not five: minute, hour, day, month, weekday",
      fields.count == 6 ? "leave out the seconds: cron counts minutes" : "write \"30 2 * * *\" for every day at 02:30")
  }

  private static func written(out nickname: String) throws(Problem) -> String {
    if let known = nicknames.first(where: { $0.name == nickname }) { return known.fields }
    let names = nicknames.map { "\"\($0.name)\"" }.joined(separator: ", ")
    throw Problem("\"\(nickname)\" is no time", "there are \(names)")
  }

  private static let nicknames: [(name: String, fields: String)] = [
    ("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"), ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"), ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"),
  ]

  /// What is wrong with an expression, and what to write.
  struct Problem: Error {
    var what: String
    var hint: String

    init(_ what: String, _ hint: String) { (self.what, self.hint) = (what, hint) }
  }

  // MARK: on the wall

  private func matches(_ day: Int64, dayOfMonth: Int64) -> Bool {
    let isDay = days >> UInt64(dayOfMonth) & 1 == 1
    let isWeekday = weekdays >> UInt64(WallTime.weekday(of: day)) & 1 == 1
    return takesEitherDay ? isDay || isWeekday : isDay && isWeekday
  }

  /// The first date that matches, from `day` on; nil when there is none. Dates are days since 1970-01-01.
  private func date(from day: Int64) -> Int64? {
    var (year, month, first) = Timestamp.civil(day)
    let last = year + Self.yearsToLook
    while year <= last {
      if months >> UInt64(month) & 1 == 1 {
        let before = Timestamp.days(year, month, 1) - 1
        for dayOfMonth in first...Timestamp.daysIn(month, of: year)
        where matches(before + dayOfMonth, dayOfMonth: dayOfMonth) { return before + dayOfMonth }
      }
      (month, first) = (month + 1, 1)
      if month > 12 { (year, month) = (year + 1, 1) }
    }
    return nil
  }

  /// The first time of a day that matches, from `time` on; nil when there is none.
  private func timeOfDay(from time: Int64) -> Int64? {
    // The first whole minute whose `offset` is not before `time`.
    let minute = max(0, (time - offset + 59_999) / 60_000)
    var hour = UInt64(minute / 60)
    let rest = minutes & (UInt64.max << UInt64(minute % 60))
    if hour < 24, hours >> hour & 1 == 1, rest != 0 {
      return Int64(hour) * 3_600_000 + Int64(rest.trailingZeroBitCount) * 60_000 + offset
    }
    hour += 1
    guard hour < 24, hours >> hour != 0 else { return nil }
    hour += UInt64((hours >> hour).trailingZeroBitCount)
    guard hour < 24 else { return nil }
    return Int64(hour) * 3_600_000 + Int64(minutes.trailingZeroBitCount) * 60_000 + offset
  }

  /// The first time that matches, from `wall` on.
  private func next(from wall: WallTime) -> WallTime? {
    let day = wall.day
    if date(from: day) == day, let time = timeOfDay(from: wall.time) { return WallTime(day: day, time: time) }
    guard let day = date(from: day + 1), let time = timeOfDay(from: 0) else { return nil }
    return WallTime(day: day, time: time)
  }
}

// MARK: - In a zone

extension Cron {
  /// The first instant after `instant` at which it is due where clocks show the time of `zone`; nil when there is none.
  ///
  /// What is due at fixed hours is due once a day, whatever becomes of the clocks: in a gap at the first instant after
  /// it, in a fold the first time. What is due in every hour follows the time that passes: twice in a fold, not in a gap.
  func next(after instant: Int64, in zone: Zone) -> Int64? {
    hours & 0xFF_FFFF == 0xFF_FFFF ? nextOfEveryHour(after: instant, in: zone) : nextOfDay(after: instant, in: zone)
  }

  private func nextOfDay(after instant: Int64, in zone: Zone) -> Int64? {
    var wall = WallTime(zone.wallTime(at: instant).milliseconds + 1)
    while let next = next(from: wall) {
      let due = zone.instant(of: next)
      if due > instant { return due }
      // The second pass through a fold: the first one has been.
      wall = WallTime(next.milliseconds + 1)
    }
    return nil
  }

  private func nextOfEveryHour(after instant: Int64, in zone: Zone) -> Int64? {
    var at = instant + 1
    while true {
      let offset = zone.offset(at: at)
      guard let wall = next(from: WallTime(at + offset)) else { return nil }
      if wall.day > WallTime(at + offset).day + 1 {
        // Far ahead clocks may be changed more than once: look again from the day before.
        let dayBefore = zone.instant(of: WallTime(day: wall.day - 1))
        if dayBefore > at {
          at = dayBefore
          continue
        }
      }
      let due = wall.milliseconds - offset
      if zone.offset(at: due) == offset { return due }
      at = zone.change(after: at, through: due)
    }
  }
}

// MARK: - Fields

extension Cron {
  private struct Field {
    var name: String
    var range: ClosedRange<Int>
    var names: [String] = []
    /// The number of the first name.
    var firstName = 0

    static let minute = Field(name: "minute", range: 0...59)
    static let hour = Field(name: "hour", range: 0...23)
    static let day = Field(name: "day", range: 1...31)
    static let month = Field(
      name: "month", range: 1...12,
      names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], firstName: 1)
    static let weekday = Field(
      name: "weekday", range: 0...7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])

    /// `*`, `5`, `1-5`, `*/15`, `10-50/20`, `mon-fri`, and lists of these.
    func set(_ text: String) throws(Problem) -> UInt64 {
      var set: UInt64 = 0
      for part in text.split(separator: ",", omittingEmptySubsequences: false) { set |= try one(String(part), text) }
      return set
    }

    private func one(_ part: String, _ text: String) throws(Problem) -> UInt64 {
      let pieces = part.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      var step = 1
      if pieces.count == 2 {
        guard let number = Int(pieces[1]), (1...range.upperBound).contains(number) else {
          throw Problem("\"\(pieces[1])\" is no step", "write \"*/5\" for every fifth \(name)")
        }
        step = number
      } else if pieces.count > 2 {
        throw wrong(part, in: text)
      }
      let bounds: ClosedRange<Int>
      let ends = pieces[0].split(separator: "-", omittingEmptySubsequences: false).map(String.init)
      if pieces[0] == "*" {
        bounds = range
      } else if ends.count == 2 {
        let (first, last) = (try value(ends[0], in: text), try value(ends[1], in: text))
        guard first <= last else {
          throw Problem(
            "\"\(pieces[0])\" goes backwards",
            "write \"\(first)-\(range.upperBound),\(range.lowerBound)-\(last)\"")
        }
        bounds = first...last
      } else {
        let first = try value(pieces[0], in: text)
        bounds = first...(pieces.count == 2 ? range.upperBound : first)
      }
      return stride(from: bounds.lowerBound, through: bounds.upperBound, by: step).reduce(0) { $0 | 1 << UInt64($1) }
    }

    private func value(_ text: String, in whole: String) throws(Problem) -> Int {
      if let index = names.firstIndex(of: text.lowercased()) { return index + firstName }
      guard let number = Int(text), range.contains(number), text.utf8.first != UInt8(ascii: "+") else {
        throw wrong(text, in: whole)
      }
      return number
    }

    private func wrong(_ text: String, in whole: String) -> Problem {
      let near = NearestName.of(text.lowercased(), among: names).map { "did you mean \($0)?" }
      let usual =
        "\(name == "hour" ? "an" : "a") \(name) is \(range.lowerBound) to \(range.upperBound)\(names.isEmpty ? "" : ", or a name such as \(names[1])")"
      return Problem("\"\(text)\" is no \(name)\(text == whole ? "" : " (\"\(whole)\")")", near ?? usual)
    }
  }
}
