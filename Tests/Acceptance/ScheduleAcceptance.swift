import Foundation
import TestKit
import Testing

/// Schedules with the real binary: a host that is away while they are due, over a night in which clocks are set forward.
@Suite("Schedules")
struct ScheduleAcceptance {
  private static let script = """
    schedule "nightly" { cron = "30 2 * * *", zone = "Europe/Berlin", emit = "NightlyDue", missed = "all" }
    schedule "hourly"  { every = "1h", emit = "HourlyDue" }
    schedule "sweep"   { every = "10m", emit = "SweepDue", missed = "skip" }
    schedule "second"  { every = "1s", emit = "SecondDue" }
    consumer "night shift" { on = { NightlyDue = function(event)
      emit("NightDone", { at = time.text(event.time, "Europe/Berlin") })
    end } }
    """

  /// When runs of a type were due, as their events claim, in the order of the log.
  private func due(_ type: String, _ daemon: DaemonProcess) async throws -> [String] {
    try await daemon.allEvents().filter { $0.text("type") == type }.map { String($0.text("time").prefix(19)) }
  }

  @Test(.enabled(if: TestClock.isPossible, Comment(rawValue: TestClock.needs)), .timeLimit(.minutes(2)))
  func
    `what was due while the host was away is made up for as each schedule says, once, whatever the clocks of the zone did`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["night.lua": Self.script], below: "handlers")
    let clock = try TestClock(in: folder)
    func set(to time: String) throws {
      let wanted = try Date.ISO8601FormatStyle().parse(time)
      clock.secondsAhead = Int(wanted.timeIntervalSinceNow)
    }
    try set(to: "2037-03-27T12:05:00Z")
    var daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data", environment: clock.environment)
    try await eventually("a first second") { [daemon] in
      try await due("SecondDue", daemon).isEmpty ? "none" : nil
    }
    #expect(try await due("NightlyDue", daemon) == [], "a new schedule has missed nothing")
    let list = try daemon.run("schedules").out
    #expect(list.contains("cron 30 2 * * *, Europe/Berlin") && list.contains("2037-03-28T01:30:00Z"), "\(list)")
    daemon.kill()

    try set(to: "2037-03-30T12:25:00Z")
    daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data", environment: clock.environment)
    let nights = ["2037-03-28T01:30:00", "2037-03-29T01:00:00", "2037-03-30T00:30:00"]
    try await eventually("three nights") { [daemon] in
      let seen = try await daemon.allEvents().filter { $0.text("type") == "NightDone" }
      return seen.count == nights.count ? nil : "\(seen.count)"
    }
    #expect(try await due("NightlyDue", daemon) == nights)
    let done = try await daemon.allEvents().filter { $0.text("type") == "NightDone" }
    #expect(
      done.compactMap { ($0["data"] as? [String: Any])?["at"] as? String } == [
        "2037-03-28T02:30:00+01:00", "2037-03-29T03:00:00+02:00", "2037-03-30T02:30:00+02:00",
      ])
    #expect(try await due("HourlyDue", daemon) == ["2037-03-30T12:00:00"])
    #expect(try await due("SweepDue", daemon) == [])
    // Another kill makes nothing twice.
    daemon.kill()
    daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data", environment: clock.environment)
    let before = try await due("SecondDue", daemon).count
    try await eventually("another second") { [daemon] in
      try await due("SecondDue", daemon).count > before ? nil : "\(before)"
    }
    #expect(try await due("NightlyDue", daemon) == nights)
    #expect(try await due("HourlyDue", daemon) == ["2037-03-30T12:00:00"])
    let seconds = try await due("SecondDue", daemon)
    #expect(seconds == seconds.sorted() && Set(seconds).count == seconds.count)
    #expect(daemon.stop() == 0)
    let verified = try Binary.run(["log", "verify", folder.path + "/data"])
    #expect(verified.code == 0, "\(verified.err)")
  }
}
