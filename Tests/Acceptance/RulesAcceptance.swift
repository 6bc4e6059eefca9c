import Foundation
import TestKit
import Testing

/// Rules on an imported history, with the real binary: what they find is counted here in another way, straight from the
/// file.
@Suite("Rules on order events, by the time of the events")
struct RulesAcceptance {
  /// An order that no package carries within so many days.
  private static func rule(days: Int) -> String {
    """
    rule "late \(days)" { key = { OrderPlaced = "subject", PackageSent = "data.orders" }, from = "start",
                          when = "OrderPlaced", unless = "PackageSent", within = "\(days)d", otherwise = "OrderLate\(days)" }

    """
  }

  private static let days = [3, 14]
  private static let scripts = days.map(rule).joined()

  /// The shared data set when it is there, else generated events of the same shape: some packages leave late, some never.
  private static func input(in folder: TemporaryFolder) throws -> URL {
    let shared = Binary.root.deletingLastPathComponent().appending(path: "shared/data/orders.ndjson")
    if FileManager.default.fileExists(atPath: shared.path) { return shared }
    let file = URL(filePath: folder.path + "/orders.ndjson")
    try OrdersAcceptance.generated(orders: 4000).split(separator: "\n").filter { line in
      !line.contains("PackageSent") || !line.contains("7\"]")
    }.joined(separator: "\n").write(to: file, atomically: false, encoding: .utf8)
    return file
  }

  /// The orders that are late at the end of the file: their time is over, and no package carried them before.
  private static func late(_ file: URL, days: Int) throws -> Set<String> {
    var clock = Date.distantPast
    var placed: [String: Date] = [:]
    var sent: [String: Date] = [:]
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as! [String: Any]
      let text = event.text("time")
      let style = Date.ISO8601FormatStyle(includingFractionalSeconds: text.contains("."))
      clock = max(clock, try style.parse(text))
      if event.text("type") == "OrderPlaced", placed[event.text("subject")] == nil {
        placed[event.text("subject")] = clock
      }
      guard event.text("type") == "PackageSent", let data = event["data"] as? [String: Any] else { continue }
      for order in data["orders"] as? [String] ?? [] where placed[order] != nil && sent[order] == nil {
        sent[order] = clock
      }
    }
    let span = Double(days) * 86_400
    return Set(
      placed.compactMap { order, time in
        (sent[order] ?? clock).timeIntervalSince(time) > span ? order : nil
      })
  }

  private func expectLate(_ daemon: DaemonProcess, _ file: URL, _ what: Comment) async throws {
    let wanted = try Self.days.reduce(0) { try $0 + Self.late(file, days: $1).count }
    // Deadlines are called behind everything that is read.
    try await eventually("\(wanted) late orders") {
      let found = try await daemon.allEvents().count { $0.text("type").hasPrefix("OrderLate") }
      return found >= wanted ? nil : "\(found)"
    }
    let events = try await daemon.allEvents()
    for days in Self.days {
      let found = events.filter { $0.text("type") == "OrderLate\(days)" }.map { $0.text("subject") }
      let expected = try Self.late(file, days: days)
      #expect(!expected.isEmpty)
      #expect(found.count == expected.count, what)
      #expect(Set(found) == expected, what)
    }
  }

  @Test(.timeLimit(.minutes(4)))
  func `orders are late as an independent count says, also when the daemon is killed on the way`() async throws {
    let folder = TemporaryFolder()
    let file = try Self.input(in: folder)
    let handlers = try folder.write(["late.lua": Self.scripts], below: "handlers")
    var daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data", arguments: ["--clock", "events"])
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    let parts = stride(from: 0, to: lines.count, by: lines.count / 4 + 1).map {
      lines[$0..<min(lines.count, $0 + lines.count / 4 + 1)]
    }
    for (number, part) in parts.enumerated() {
      let path = folder.path + "/part-\(number).ndjson"
      try part.joined(separator: "\n").write(toFile: path, atomically: false, encoding: .utf8)
      let emitted = try daemon.run("emit", "--file", path)
      #expect(emitted.code == 0, "\(emitted.err)")
      daemon.kill()
      daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data", arguments: ["--clock", "events"])
    }
    try await daemon.settle()
    try await expectLate(daemon, file, "killed between the parts")
    #expect(daemon.stop() == 0)
  }

  @Test(.timeLimit(.minutes(4)))
  func `a rule that comes when everything has happened finds the same orders`() async throws {
    let folder = TemporaryFolder()
    let file = try Self.input(in: folder)
    let handlers = try folder.write(
      ["none.lua": "consumer \"none\" { on = { Nothing = function() end } }\n"], below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data", arguments: ["--clock", "events"])
    let emitted = try daemon.run("emit", "--file", file.path)
    #expect(emitted.code == 0, "\(emitted.err)")
    try Self.scripts.write(toFile: handlers + "/late.lua", atomically: true, encoding: .utf8)
    let reloaded = try daemon.run("reload")
    #expect(reloaded.code == 0, "\(reloaded.err)")
    try await daemon.settle()
    try await expectLate(daemon, file, "afterwards")
    #expect(daemon.stop() == 0)
  }
}
