import Events
import Foundation
import TestKit
import Testing

@testable import Scripts

/// Zones, days and months held against Foundation's calendar.
@Suite("Zones and calendars")
struct ZoneTests {
  static let zones = [
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo",
    "Africa/Casablanca",
    "Pacific/Apia", "Pacific/Chatham", "Asia/Tehran", "Europe/London", "UTC",
  ]

  private static func calendar(_ zone: String) throws -> Calendar {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: zone))
    return calendar
  }

  /// 1971 to 2036.
  private static let years: ClosedRange<Int64> = 31_536_000_000...2_082_758_400_000

  @Test(arguments: zones)
  func `a wall shows what the calendar says, and leads back`(name: String) throws {
    let zone = try #require(Zone(name))
    let calendar = try Self.calendar(name)
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let instant = Int64.random(in: Self.years, using: &random)
      let wall = zone.wallTime(at: instant)
      let date = Timestamp.civil(wall.day)
      let parts = calendar.dateComponents(
        [.year, .month, .day, .hour, .minute, .weekday],
        from: Date(timeIntervalSince1970: Double(instant) / 1000))
      #expect(
        [date.year, date.month, date.day, wall.time / 3_600_000, wall.time / 60_000 % 60].map(Int.init)
          == [parts.year!, parts.month!, parts.day!, parts.hour!, parts.minute!], "\(name) \(instant)")
      #expect(Int(WallTime.weekday(of: wall.day)) + 1 == parts.weekday!)
      // The same instant, or the other one at which clocks show the same.
      let back = zone.instant(of: wall)
      #expect(back <= instant && zone.wallTime(at: back) == wall, "\(name) \(instant)")
      #expect(zone.instant(of: wall, preferring: zone.offset(at: instant)) == instant)
    }
  }

  /// Every change of the clocks of 65 years, and the times around it.
  @Test(arguments: zones)
  func `gaps and folds`(name: String) throws {
    let zone = try #require(Zone(name))
    let rules = try #require(TimeZone(identifier: name))
    var date = Date(timeIntervalSince1970: Double(Self.years.lowerBound) / 1000)
    while let next = rules.nextDaylightSavingTimeTransition(after: date),
      next.timeIntervalSince1970 * 1000 < Double(Self.years.upperBound)
    {
      date = next
      let change = Int64(next.timeIntervalSince1970 * 1000)
      let (before, after) = (zone.offset(at: change - 1), zone.offset(at: change))
      for minute in stride(from: Int64(-200), through: 200, by: 10) {
        let wall = WallTime(change + min(before, after) + minute * 60_000)
        let instant = zone.instant(of: wall)
        let shown = zone.wallTime(at: instant)
        if shown == wall {
          // The first instant at which it is shown.
          #expect(zone.wallTime(at: instant - abs(after - before)) != wall, "\(name) \(change) \(minute)")
        } else {
          #expect(instant == change && after > before, "\(name) \(change) \(minute)")
        }
      }
    }
  }

  @Test func `a whole day that is skipped`() throws {
    let zone = try #require(Zone("Pacific/Apia"))
    let noon = WallTime(day: Timestamp.days(2011, 12, 30), time: 12 * 3_600_000)
    #expect(zone.instant(of: noon) == 1_325_239_200_000)
  }

  @Test func `months and years as the calendar adds them`() throws {
    let calendar = try Self.calendar("UTC")
    var random = SystemRandomNumberGenerator()
    for _ in 0..<5000 {
      let instant = Int64.random(in: Self.years, using: &random)
      let months = Int.random(in: -200...200, using: &random)
      let date = Date(timeIntervalSince1970: Double(instant) / 1000)
      // The calendar's own sum of a date and months misses some 29 February; its months and their lengths are right.
      var first = calendar.dateComponents([.year, .month], from: date)
      first.month! += months
      let month = try #require(calendar.date(from: first))
      let day = min(
        calendar.component(.day, from: date), try #require(calendar.range(of: .day, in: .month, for: month)).count)
      let midnight = Int64(month.timeIntervalSince1970 * 1000) + Int64(day - 1) * WallTime.day
      #expect(
        WallTime(instant).adding(months: Int64(months), anchor: nil).milliseconds
          == midnight + WallTime(instant).time, "\(instant) \(months)")
    }
  }

  @Test(arguments: 1...31)
  func `an anchor is kept through every month`(anchor: Int) {
    var wall = WallTime(day: Timestamp.days(2023, 1, Int64(min(anchor, 31))))
    for month in 1...120 {
      wall = wall.adding(months: 1, anchor: Int64(anchor))
      let date = Timestamp.civil(wall.day)
      #expect(date.month == Int64(month) % 12 + 1)
      #expect(date.day == min(Int64(anchor), Timestamp.daysIn(date.month, of: date.year)))
    }
  }

  @Test func `names`() {
    #expect(Zone("Europe/Berlin") != nil && Zone("Europe/Kyiv") != nil && Zone("US/Pacific") != nil)
    for name in ["", "Berlin", "CET", "EST", "+01:00", "europe/berlin", "Europe/", "GMT+3", "../etc/passwd"] {
      #expect(Zone(name) == nil, "\(name)")
    }
    #expect(Zone("UTC") == .utc)
    #expect(Zone.hint(for: "europe/berlin") == "did you mean \"Europe/Berlin\"?")
    #expect(Zone.hint(for: "new_york") == "did you mean \"America/New_York\"?")
  }
}
