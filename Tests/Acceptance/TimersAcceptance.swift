import Foundation
import TestKit
import Testing

/// Timers with the real binary: how much a million of them cost, and what becomes of them when the daemon is gone.
@Suite("Timers", .serialized)
struct TimersAcceptance {
  /// Each event sets a thousand timers, in an order that is not the one in which they are due.
  private static let handlers = [
    "timers.lua": """
    consumer "timers" { on = {
      Set = function(event)
        local d = event.data
        for i = 1, 1000 do
          local n = d.first + (i * 389) % 1000
          at(d.base + n / 1000, "Due", { n = n }, { id = d.named and n or nil })
        end
      end,
      Cancel = function(event)
        for n = event.data.first, event.data.first + 999 do cancel(n) end
      end,
    } }
    """
  ]

  private struct World {
    let folder = TemporaryFolder()
    let handlers: String
    var data: String { folder.path + "/data" }

    init() throws { handlers = try folder.write(TimersAcceptance.handlers, below: "handlers") }

    func start() throws -> DaemonProcess { try DaemonProcess(handlers: handlers, data: data) }
  }

  private static var now: Int { Int(Date().timeIntervalSince1970 * 1000) }

  /// `base`: when the first is due, ms.
  private func set(_ count: Int, base: Int, named: Bool, _ daemon: DaemonProcess) async throws {
    let events = stride(from: 0, to: count, by: 1000).map { first -> [String: any Sendable] in
      let data: [String: any Sendable] = ["base": base, "first": first, "named": named]
      return ["specversion": "1.0", "type": "Set", "subject": "s-1", "data": data]
    }
    let response = try await daemon.postBatch(try JSONSerialization.data(withJSONObject: events))
    try #require(response.status == 201, "\(response.json)")
    try await daemon.settle()
    try await wait(for: count, daemon)
  }

  private func pending(_ daemon: DaemonProcess) async throws -> Int {
    (try await daemon.status()["timers"] as? [String: Any])?["pending"] as? Int ?? -1
  }

  private func wait(for count: Int, _ daemon: DaemonProcess) async throws {
    try await eventually(within: 60, "\(count) pending timers") {
      let seen = try await pending(daemon)
      return seen == count ? nil : "\(seen)"
    }
  }

  private func megabytes(_ daemon: DaemonProcess) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(daemon.identifier)/status", encoding: .utf8)
    let line = try #require(status.firstMatch(of: /VmRSS:\s+(\d+) kB/))
    return Int(line.1)! / 1024
  }

  @Test(.timeLimit(.minutes(3)), arguments: [false, true])
  func `a million pending timers take tens of megabytes, and a start with them is quick`(named: Bool) async throws {
    let world = try World()
    var daemon = try world.start()
    let alone = try megabytes(daemon)
    try await set(1_000_000, base: Self.now + 3_600_000, named: named, daemon)
    let loaded = try megabytes(daemon)
    daemon.kill()
    var figures: [(start: Int, memory: Int)] = []
    // After a crash from the log and an old snapshot, then from the snapshot of a stop in good order.
    for _ in 0..<2 {
      let begin = ContinuousClock.now
      daemon = try world.start()
      #expect(try await daemon.get("/health/ready").status == 200)
      let took = (ContinuousClock.now - begin) / .milliseconds(1)
      figures.append((Int(took), try megabytes(daemon)))
      #expect(try await pending(daemon) == 1_000_000)
      daemon.stop()
    }
    print(
      "a million timers\(named ? " with names" : ""): \(alone) MB without them, \(loaded) MB when all were set; ready "
        + "\(figures[0].start) ms after a crash with \(figures[0].memory) MB, \(figures[1].start) ms after a stop with "
        + "\(figures[1].memory) MB")
    for figure in figures {
      #expect(figure.start < 5000)
      #expect(figure.memory - alone < (named ? 250 : 150))
    }
    daemon = try world.start()
    let list = try daemon.run("timers", "--limit", "2")
    #expect(list.out.split(separator: "\n").count == 3 && list.err.contains("the first 2 of 1000000"))
    let page = try JSONSerialization.jsonObject(with: Data(try daemon.run("timers", "--limit", "1", "--json").out.utf8))
    let first = try #require(((page as? [String: Any])?["timers"] as? [[String: Any]])?.first)
    #expect(first.text("type") == "Due" && first.text("reader") == "timers" && first.text("subject") == "s-1")
    #expect(first["id"] as? String == (named ? "0" : nil))
    daemon.stop()
  }

  @Test(.timeLimit(.minutes(3)))
  func `what falls due while the daemon is dead comes afterwards, in its order and once, however often it is killed`()
    async throws
  {
    let count = 200_000
    let world = try World()
    var daemon = try world.start()
    let base = Self.now + 8000
    try await set(count, base: base, named: true, daemon)
    #expect(try daemon.run("emit", "Cancel", "--subject", "s-1", "--data", #"{"first":100000}"#).code == 0)
    try await wait(for: count - 1000, daemon)
    daemon.kill()
    // All of them are due within a fifth of a second.
    try await eventually("the timers to be overdue") { Self.now > base + 300 ? nil : "\(base - Self.now) ms to go" }
    var kills = 0
    var left = count - 1000
    while true {
      daemon = try world.start()
      try await eventually("some timers to fire") {
        let seen = try await pending(daemon)
        return seen == 0 || seen < left ? nil : "\(seen)"
      }
      left = try await pending(daemon)
      if left == 0 { break }
      daemon.kill()
      kills += 1
    }
    try await daemon.settle()
    daemon.stop()
    print("\(count - 1000) overdue timers have fired with \(kills) kills in between")
    var expected = Array(0..<100_000) + Array(101_000..<count)
    expected.reverse()
    try LogExport(of: world.data, file: world.folder.path + "/export").forEach { line in
      guard let type = line.text("\"type\":\""), type.elementsEqual("Due".utf8) else { return }
      #expect(line.number("\"n\":") == expected.popLast())
    }
    #expect(expected.isEmpty, "\(expected.count) timers have never fired")
    let verified = try Binary.run(["log", "verify", world.data])
    #expect(verified.code == 0, "\(verified.out) \(verified.err)")
  }
}
