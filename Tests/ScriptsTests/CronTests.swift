import Events
import Foundation
import Testing

@testable import Scripts

@Suite("Cron expressions")
struct CronTests {
  private static func text(_ instant: Int64?, _ zone: Zone = .utc) -> String {
    guard let instant else { return "none" }
    var writer = ByteWriter(capacity: 32)
    TimeText.write(instant, in: zone, into: &writer)
    return writer.bytes.text
  }

  private static func instant(_ text: String) -> Int64 { Timestamp.microseconds(text)! / 1000 }

  /// The first `count` times after a text, in a zone.
  private static func runs(_ cron: String, after text: String, _ zone: String = "UTC", count: Int = 3) throws
    -> [String]
  {
    let (cron, zone) = (try Cron(cron), try #require(Zone(zone)))
    var at = instant(text)
    return (0..<count).map { _ in
      let next = cron.next(after: at, in: zone)
      at = next ?? at
      return Self.text(next, zone)
    }
  }

  @Test(arguments: [
    ("30 2 * * *", "2026-01-01T02:30:00Z", "2026-01-02T02:30:00Z"),
    ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
    ("*/15 * * * *", "2026-01-01T00:46:00Z", "2026-01-01T01:00:00Z"),
    ("5/20 * * * *", "2026-01-01T00:26:00Z", "2026-01-01T00:45:00Z"),
    ("0 9-17/4 * * *", "2026-01-01T13:00:00Z", "2026-01-01T17:00:00Z"),
    ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
    ("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
    ("0 0 31 * *", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z"),
    ("0 0 * * sun", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
    ("0 0 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
    ("0 0 * * 5-7", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"),
    ("0 0 1 JAN,jul *", "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z"),
    // Either the 13th or a Friday.
    ("0 0 13 * fri", "2026-01-10T00:00:00Z", "2026-01-13T00:00:00Z"),
    ("0 0 13 * fri", "2026-01-13T00:00:00Z", "2026-01-16T00:00:00Z"),
    // Both, since one begins with a star.
    ("0 0 */2 * fri", "2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z"),
    ("@hourly", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"),
    ("@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
    ("59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"),
    ("0 0 * * *", "1969-12-30T12:00:00Z", "1969-12-31T00:00:00Z"),
  ])
  func `the next time`(cron: String, after: String, expected: String) throws {
    #expect(try Self.runs(cron, after: after, count: 1) == [expected])
  }

  @Test func `at fixed hours once a day, whatever becomes of the clocks`() throws {
    #expect(
      try Self.runs("30 2 * * *", after: "2026-03-27T12:00:00Z", "Europe/Berlin", count: 4) == [
        "2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00",
        "2026-03-31T02:30:00+02:00",
      ])
    #expect(
      try Self.runs("30 2 * * *", after: "2026-10-24T12:00:00Z", "Europe/Berlin") == [
        "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00", "2026-10-27T02:30:00+01:00",
      ])
    // From within the second pass.
    #expect(
      try Self.runs("*/20 2 * * *", after: "2026-10-25T01:10:00Z", "Europe/Berlin", count: 2) == [
        "2026-10-26T02:00:00+01:00", "2026-10-26T02:20:00+01:00",
      ])
    // Several in one gap are due together.
    #expect(
      try Self.runs("*/20 2,3 * * *", after: "2026-03-29T00:00:00Z", "Europe/Berlin") == [
        "2026-03-29T03:00:00+02:00", "2026-03-29T03:20:00+02:00", "2026-03-29T03:40:00+02:00",
      ])
    // A gap at midnight.
    #expect(
      try Self.runs("0 0 * * *", after: "2018-11-03T12:00:00Z", "America/Sao_Paulo", count: 2) == [
        "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00",
      ])
  }

  @Test func `in every hour as time passes`() throws {
    #expect(
      try Self.runs("30 * * * *", after: "2026-10-24T23:45:00Z", "Europe/Berlin") == [
        "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00",
      ])
    #expect(
      try Self.runs("30 * * * *", after: "2026-03-29T00:00:00Z", "Europe/Berlin") == [
        "2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-29T04:30:00+02:00",
      ])
    // Half an hour back, on an island.
    #expect(
      try Self.runs("*/20 * * * *", after: "2026-04-04T14:30:00Z", "Australia/Lord_Howe", count: 4) == [
        "2026-04-05T01:40:00+11:00", "2026-04-05T01:40:00+10:30", "2026-04-05T02:00:00+10:30",
        "2026-04-05T02:20:00+10:30",
      ])
    #expect(
      try Self.runs("0 * 1 7 *", after: "2026-01-01T00:00:00Z", "Europe/Berlin", count: 2) == [
        "2026-07-01T00:00:00+02:00", "2026-07-01T01:00:00+02:00",
      ])
  }

  /// Against a plain search: minute by minute over what clocks show.
  @Test(arguments: [
    "*/7 * * * *", "0 2 * * *", "30 2 * * *", "15,45 1-3 * * *", "0 0 1 * *", "0 12 * 2 mon", "10 * * * sun",
    "59 23 28-31 * *",
    "0 3 8-14 * sun", "1 */5 * * *", "0 0 29 2 *",
  ])
  func `every time of a winter is found`(text: String) throws {
    let cron = try Cron(text)
    let fields = text.split(separator: " ").map(String.init)
    for name in ["Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"] {
      let zone = try #require(Zone(name))
      let model = Model(fields)
      let (start, end) = (Self.instant("2027-10-01T00:00:00Z"), Self.instant("2028-04-15T00:00:00Z"))
      let expected = model.runs(from: start, to: end, in: zone)
      var found: [Int64] = []
      var at = start - 1
      while let next = cron.next(after: at, in: zone), next < end {
        found.append(next)
        at = next
      }
      let difference = zip(found, expected).first { $0 != $1 }.map {
        "\(Self.text($0, zone)) is not \(Self.text($1, zone))"
      }
      #expect(found == expected, "\(text) in \(name): \(difference ?? "\(found.count), not \(expected.count)")")
    }
  }

  /// What a person would do with a calendar on the wall: look at every minute.
  private struct Model {
    let minutes: Set<Int>, hours: Set<Int>, days: Set<Int>, months: Set<Int>, weekdays: Set<Int>
    let takesEither: Bool

    init(_ fields: [String]) {
      func set(_ text: String, _ range: ClosedRange<Int>) -> Set<Int> {
        Set(
          text.split(separator: ",").flatMap { part -> [Int] in
            let pieces = part.split(separator: "/")
            let step = pieces.count > 1 ? Int(pieces[1])! : 1
            let named = ["sun": 0, "mon": 1]
            let ends = pieces[0].split(separator: "-").map { named[String($0)] ?? Int($0) ?? -1 }
            let bounds = pieces[0] == "*" ? range : ends[0]...ends[ends.count - 1]
            return Array(stride(from: bounds.lowerBound, through: bounds.upperBound, by: step))
          })
      }
      minutes = set(fields[0], 0...59)
      hours = set(fields[1], 0...23)
      days = set(fields[2], 1...31)
      months = set(fields[3], 1...12)
      weekdays = set(fields[4], 0...6)
      takesEither = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
    }

    func matches(_ wall: WallTime) -> Bool {
      let date = Timestamp.civil(wall.day)
      let isDay = days.contains(Int(date.day))
      let isWeekday = weekdays.contains(Int(WallTime.weekday(of: wall.day)))
      return months.contains(Int(date.month)) && (takesEither ? isDay || isWeekday : isDay && isWeekday)
        && hours.contains(Int(wall.time / 3_600_000)) && minutes.contains(Int(wall.time / 60_000 % 60))
    }

    func runs(from start: Int64, to end: Int64, in zone: Zone) -> [Int64] {
      var runs: [Int64] = []
      if hours.count == 24 {
        for instant in stride(from: start, to: end, by: 60_000) where matches(zone.wallTime(at: instant)) {
          runs.append(instant)
        }
        return runs
      }
      let walls = (zone.wallTime(at: start).milliseconds, zone.wallTime(at: end).milliseconds)
      for milliseconds in stride(from: walls.0, through: walls.1, by: 60_000) where matches(WallTime(milliseconds)) {
        let run = zone.instant(of: WallTime(milliseconds))
        if run >= start, run < end, run > runs.last ?? .min { runs.append(run) }
      }
      return runs
    }
  }

  @Test(arguments: [
    ("", "has 0 fields"), ("* * * *", "has 4 fields"), ("0 0 2 * * *", "leave out the seconds"),
    ("60 * * * *", "\"60\" is no minute"),
    ("* 24 * * *", "an hour is 0 to 23"), ("* * 0 * *", "\"0\" is no day"), ("* * * 13 *", "\"13\" is no month"),
    ("* * * * 8", "\"8\" is no weekday"),
    ("* * * * munday", "\"munday\" is no weekday"), ("* * * * mno", "did you mean mon?"),
    ("*/0 * * * *", "\"0\" is no step"),
    ("5-1 * * * *", "write \"5-59,0-1\""), ("0 0 30 2 *", "is no day of any year"), ("0 0 L * *", "\"L\" is no day"),
    ("1, * * * *", "is no minute"),
    ("@dayly", "is no time"), ("+1 * * * *", "is no minute"), ("1-2-3 * * * *", "is no minute"),
    ("1/2/3 * * * *", "is no minute"),
  ])
  func `what is wrong is told`(text: String, says: String) {
    do throws(Cron.Problem) {
      _ = try Cron(text)
      Issue.record("\(text) is taken")
    } catch {
      let said = "\(error.what)\n\(error.hint)"
      #expect(said.contains(says), "\(said)")
    }
  }
}
