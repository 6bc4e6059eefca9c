internal import Events

/// What clocks on a wall show, without saying where: milliseconds since midnight of 1970-01-01 on those clocks.
struct WallTime: Hashable, Comparable, Sendable {
  var milliseconds: Int64

  static let day: Int64 = 86_400_000

  init(_ milliseconds: Int64) { self.milliseconds = milliseconds }

  /// - day: days since 1970-01-01. - time: milliseconds of that day.
  init(day: Int64, time: Int64 = 0) { milliseconds = day * Self.day + time }

  /// Days since 1970-01-01.
  var day: Int64 {
    let (day, rest) = milliseconds.quotientAndRemainder(dividingBy: Self.day)
    return rest < 0 ? day - 1 : day
  }

  /// Milliseconds of the day.
  var time: Int64 { milliseconds - day * Self.day }

  static func < (left: WallTime, right: WallTime) -> Bool { left.milliseconds < right.milliseconds }
}

extension WallTime {
  /// 0 for Sunday to 6 for Saturday.
  static func weekday(of day: Int64) -> Int64 {
    // 1970-01-01 was a Thursday.
    let weekday = (day + 4) % 7
    return weekday < 0 ? weekday + 7 : weekday
  }

  /// So many months later or earlier, on day `anchor` of the month, or on its last day where it has fewer.
  func adding(months: Int64, anchor: Int64?) -> WallTime {
    let date = Timestamp.civil(day)
    let count = date.year * 12 + date.month - 1 + months
    let year = count >= 0 ? count / 12 : (count - 11) / 12
    let month = count - year * 12 + 1
    let last = Timestamp.daysIn(month, of: year)
    return WallTime(day: Timestamp.days(year, month, min(anchor ?? date.day, last)), time: time)
  }
}
