import Foundation
import TestKit
import Testing

/// Faults 41–43 with the real binary: clocks that jump, and a process that is stopped for a while.
@Suite("Clocks that jump")
struct ClockAcceptance {
  /// Fails until half a second after the event was appended.
  private static let patient = """
    consumer "patient" {
      retry = { attempts = 1000, first = "100ms", factor = 1, jitter = 0 },
      on = { Ping = function(event)
        if now() < event.recorded + 500 then error("not yet") end
        emit("Pong", { at = now() })
      end },
    }
    """

  private func ping(_ daemon: DaemonProcess) throws {
    #expect(try daemon.run("emit", "Ping", "--subject", "s-1", "--data", "{}").code == 0)
  }

  private func pongs(_ daemon: DaemonProcess) async throws -> Int {
    try await daemon.allEvents().count { $0.text("type") == "Pong" }
  }

  private func waitForPongs(_ count: Int, _ daemon: DaemonProcess) async throws {
    try await eventually("\(count) reactions") {
      let seen = try await pongs(daemon)
      return seen == count ? nil : "\(seen)"
    }
  }

  private func warnings(_ daemon: DaemonProcess) async throws -> [String] {
    try await daemon.status()["warnings"] as? [String] ?? []
  }

  private func time(_ event: [String: Any]) throws -> Date {
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    return try style.parse(event.text("time"))
  }

  @Test(.enabled(if: TestClock.isPossible, Comment(rawValue: TestClock.needs)), .timeLimit(.minutes(2)))
  func `order and commit times stand whatever the clock does, no retry is lost, and it is told (faults 42–43)`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["patient.lua": Self.patient], below: "handlers")
    let clock = try TestClock(in: folder)
    let daemon = try DaemonProcess(
      handlers: handlers, data: folder.path + "/data", environment: clock.environment)
    try ping(daemon)
    try await waitForPongs(1, daemon)
    #expect(try await warnings(daemon) == [])

    // An hour ahead is followed: what was to be tried within it is due.
    try ping(daemon)
    clock.secondsAhead = 3600
    try await waitForPongs(2, daemon)

    // An hour back: time stands still until the clock has caught up, and what is to be tried again waits.
    clock.secondsAhead = 0
    try ping(daemon)
    #expect(try await warnings(daemon).contains { $0.contains("before the last commit") })
    #expect(try await pongs(daemon) == 2)
    clock.secondsAhead = 3602
    try await waitForPongs(3, daemon)
    #expect(try await warnings(daemon) == [])

    // Fifty years ahead are not followed; time goes on by itself.
    try ping(daemon)
    clock.secondsAhead = 50 * 365 * 86_400
    try await waitForPongs(4, daemon)
    #expect(try await warnings(daemon).contains { $0.contains("a jump of more than a day is not followed") })
    try ping(daemon)
    try await waitForPongs(5, daemon)
    clock.secondsAhead = 3602
    try await eventually("the clock to be right again") {
      let seen = try await warnings(daemon)
      return seen.isEmpty ? nil : "\(seen)"
    }
    #expect(daemon.output.contains("the clock of this machine is right again"))

    let events = try await daemon.allEvents()
    let times = try events.map(time)
    #expect(times == times.sorted(), "commit times never go back")
    let span = times.last!.timeIntervalSince(times[0])
    #expect((3600..<7200).contains(span), "\(span)")
    let pings = events.filter { $0.text("type") == "Ping" }
    #expect(events.filter { $0.text("type") == "Pong" }.map(\.cause) == pings.map(\.position))
    #expect(daemon.stop() == 0)
    let verified = try Binary.run(["log", "verify", folder.path + "/data"])
    #expect(verified.code == 0, "\(verified.out)")
  }

  @Test(.enabled(if: TestClock.isPossible, Comment(rawValue: TestClock.needs)), .timeLimit(.minutes(2)))
  func `a clock before the last commit at start is told, and commit times do not go back (fault 43)`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["patient.lua": Self.patient], below: "handlers")
    let clock = try TestClock(in: folder)
    let data = folder.path + "/data"
    let first = try DaemonProcess(handlers: handlers, data: data, environment: clock.environment)
    try ping(first)
    try await waitForPongs(1, first)
    #expect(first.stop() == 0)
    clock.secondsAhead = -7200
    let second = try DaemonProcess(handlers: handlers, data: data, environment: clock.environment)
    try ping(second)
    #expect(try await warnings(second).contains { $0.contains("119 minutes before the last commit") })
    #expect(second.output.contains("before the last commit"))
    clock.secondsAhead = 1
    try await waitForPongs(2, second)
    let times = try await second.allEvents().map(time)
    #expect(times == times.sorted())
    #expect(second.stop() == 0)
  }

  @Test(.enabled(if: TestClock.isPossible, Comment(rawValue: TestClock.needs)), .timeLimit(.minutes(2)))
  func `a jump that is right is followed when the daemon is told to (fault 43)`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["patient.lua": Self.patient], below: "handlers")
    let clock = try TestClock(in: folder)
    let daemon = try DaemonProcess(
      handlers: handlers, data: folder.path + "/data", arguments: ["--accept-clock"], environment: clock.environment)
    try ping(daemon)
    clock.secondsAhead = 30 * 86_400
    try await waitForPongs(1, daemon)
    let times = try await daemon.allEvents().map(time)
    #expect(times[1].timeIntervalSince(times[0]) > 29 * 86_400)
    #expect(try await warnings(daemon) == [])
    #expect(daemon.stop() == 0)
  }

  @Test(.timeLimit(.minutes(2)))
  func `what was to be tried while the process was stopped is tried once when it goes on (fault 41)`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(
      [
        "never.lua": """
        consumer "never" {
          retry = { attempts = 1000, first = "500ms", factor = 1, jitter = 0 },
          on = { Ping = function() error("never") end },
        }
        """
      ], below: "handlers")
    let daemon = try DaemonProcess(
      handlers: handlers, data: folder.path + "/data", arguments: ["--log-format", "json"])
    try ping(daemon)
    /// When each attempt was told, in seconds.
    func attempts() throws -> [(number: Int, time: Date)] {
      try daemon.output.split(separator: "\n").compactMap { line in
        guard let number = line.firstMatch(of: /attempt (\d+); again/).flatMap({ Int($0.1) }),
          let told = line.firstMatch(of: /"time":"([^"]+)"/)?.1
        else { return nil }
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        return (number, try style.parse(told + "Z"))
      }
    }
    func waitForAttempts(_ count: Int) async throws {
      try await eventually("\(count) attempts") { try attempts().count >= count ? nil : daemon.output }
    }
    try await waitForAttempts(2)
    kill(daemon.identifier, SIGSTOP)
    let stopped = Date()
    // Six tries would have been due meanwhile.
    while Date().timeIntervalSince(stopped) < 3 { usleep(20_000) }
    let before = try attempts().count
    kill(daemon.identifier, SIGCONT)
    try await waitForAttempts(before + 3)
    let seen = try attempts()
    #expect(seen.map(\.number) == Array(1...seen.count))
    let pauses = zip(seen, seen.dropFirst()).map { $1.time.timeIntervalSince($0.time) }
    #expect(pauses.allSatisfy { $0 > 0.45 }, "\(pauses)")
    #expect(pauses.contains { $0 > 2 }, "\(pauses)")
    #expect(daemon.stop() == 0)
  }
}
