internal import Foundation

/// A time zone of the IANA database: what clocks show at an instant, and when they show it. Instants are milliseconds
/// since 1970 UTC.
///
/// The rules are those that Foundation carries (ICU's), not the machine's: the same binary says the same everywhere.
/// An offset takes about 0.1 µs; the first one of the process about a millisecond.
package struct Zone: Sendable, Hashable, CustomStringConvertible {
  package let name: String
  /// Nil: UTC, which needs no rules.
  private let rules: TimeZone?

  package static let utc = Zone(name: "UTC", rules: nil)

  private init(name: String, rules: TimeZone?) { (self.name, self.rules) = (name, rules) }

  /// Nil when there is no such zone. Abbreviations are none: several places use each of them, and not all year round.
  package init?(_ name: String) {
    if name == "UTC" || name == "GMT" {
      self.init(name: name, rules: nil)
    } else if name.contains("/"), let rules = TimeZone(identifier: name) {
      self.init(name: name, rules: rules)
    } else {
      return nil
    }
  }

  package var description: String { name }

  package static func == (left: Zone, right: Zone) -> Bool { left.name == right.name }

  package func hash(into hasher: inout Hasher) { hasher.combine(name) }

  /// How far the clocks are ahead of UTC, in milliseconds.
  func offset(at instant: Int64) -> Int64 {
    guard let rules else { return 0 }
    return Int64(rules.secondsFromGMT(for: Date(timeIntervalSince1970: Double(instant) / 1000))) * 1000
  }

  func wallTime(at instant: Int64) -> WallTime { WallTime(instant + offset(at: instant)) }

  /// When clocks show a time. One that they skip is the first instant after the gap; one that they show twice is the
  /// first of the two, or the one at which they are ahead by `offset`.
  func instant(of wall: WallTime, preferring offset: Int64? = nil) -> Int64 {
    guard rules != nil else { return wall.milliseconds }
    if let offset, self.offset(at: wall.milliseconds - offset) == offset { return wall.milliseconds - offset }
    // A day is more than any clock is off, and clocks are not changed twice in two days.
    let before = self.offset(at: wall.milliseconds - WallTime.day)
    let after = self.offset(at: wall.milliseconds + WallTime.day)
    let (early, late) = (wall.milliseconds - before, wall.milliseconds - after)
    if before == after || self.offset(at: early) == before { return early }
    if self.offset(at: late) == after { return late }
    return change(after: late, through: early)
  }

  /// The first instant at which the offset is not what it is at `start`, when it is another at `end` and was changed once
  /// in between.
  func change(after start: Int64, through end: Int64) -> Int64 {
    let before = offset(at: start)
    var (low, high) = (start, end)
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if offset(at: middle) == before { low = middle } else { high = middle }
    }
    return high
  }
}

extension Zone {
  /// What to write instead of a name that is no zone.
  static func hint(for name: String) -> String {
    let names = TimeZone.knownTimeZoneIdentifiers + ["UTC"]
    let lowercased = name.lowercased()
    let place = names.first { $0.lowercased().split(separator: "/").last.map(String.init) == lowercased }
    let near = place ?? NearestName.of(name, among: names)
    return near.map { "did you mean \"\($0)\"?" }
      ?? "a zone is a place of the IANA database: \"Europe/Berlin\", \"America/New_York\", or \"UTC\""
  }
}

/// Zones and cron expressions that were asked for, by their texts: reading one again takes longer than using it.
final class TimeBook {
  /// Scripts may make up expressions without end.
  private static let mostCrons = 256

  private var zones: [[UInt8]: Zone] = [:]
  private var crons: [[UInt8]: Cron] = [:]

  /// Nil when there is no such zone.
  func zone(named name: UnsafeRawBufferPointer) -> Zone? {
    let bytes = Array(name)
    if let known = zones[bytes] { return known }
    guard let zone = Zone(String(decoding: name, as: UTF8.self)) else { return nil }
    zones[bytes] = zone
    return zone
  }

  func cron(_ text: UnsafeRawBufferPointer) throws(Cron.Problem) -> Cron {
    let bytes = Array(text)
    if let known = crons[bytes] { return known }
    let cron = try Cron(String(decoding: text, as: UTF8.self))
    if crons.count == Self.mostCrons { crons.removeAll(keepingCapacity: true) }
    crons[bytes] = cron
    return cron
  }
}
