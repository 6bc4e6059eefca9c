import Foundation
import TestKit
import Testing

/// Faults 45–50 with the real binary: scripts that mean harm beside one that works.
@Suite("Hostile scripts beside good ones")
struct IsolationAcceptance {
  @Test(.timeLimit(.minutes(2)))
  func `a consumer that spins, one that eats memory and one that floods do not keep a good one from its work`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(
      [
        "good.lua": #"consumer "good" { on = { Ping = function(event) emit("Pong", {}) end } }"#,
        "spin.lua": #"consumer "spin" { retry = false, on = { Ping = function() while true do pcall(error) end end } }"#,
        "eat.lua": #"consumer "eat" { retry = false, on = { Ping = function() local t = {} while true do t = { t, {} } end end } }"#,
        "flood.lua":
          #"consumer "flood" { retry = false, on = { Ping = function() for i = 1, 1e9 do emit("Flood", {}) end end } }"#,
      ], below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    for number in 0..<8 { _ = try daemon.run("emit", "Ping", "--subject", "s-\(number)") }
    try await eventually(within: 60, "the good consumer's work and everybody else's dead letters") {
      let consumers = try await daemon.status()["consumers"] as? [[String: Any]] ?? []
      let dead = Dictionary(uniqueKeysWithValues: consumers.map { ($0.text("name"), $0["deadLetters"] as? Int ?? 0) })
      let isDone = dead == ["good": 0, "spin": 8, "eat": 8, "flood": 8] && consumers.allSatisfy { $0["lag"] as? Int == 0 }
      return isDone ? nil : "\(dead) \(consumers.map { $0["lag"] ?? "" })"
    }
    let events = try await daemon.allEvents()
    #expect(events.count { $0.text("type") == "Pong" } == 8)
    #expect(events.count { $0.text("type") == "Flood" } == 0)
    #expect(daemon.stop() == 0)
  }

  @Test func `a failing event blocks its own key, is tried again when the script is mended, and nothing is overtaken`()
    async throws
  {
    let folder = TemporaryFolder()
    let broken = """
      consumer "work" { on = { Work = function(event)
        if event.data.n == 1 then error("not yet") end
        emit("Done", { n = event.data.n })
      end } }
      """
    let handlers = try folder.write(["work.lua": broken], below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    for (subject, number) in [("a", 1), ("a", 2), ("b", 3), ("a", 4)] {
      _ = try daemon.run("emit", "Work", "--subject", subject, "--data", #"{"n":\#(number)}"#)
    }
    try await daemon.settle()
    func done() async throws -> [Int] {
      try await daemon.allEvents().filter { $0.text("type") == "Done" }
        .compactMap { ($0["data"] as? [String: Any])?["n"] as? Int }
    }
    #expect(try await done() == [3])
    try broken.replacing("error(\"not yet\")", with: "log.info(\"now\")")
      .write(toFile: handlers + "/work.lua", atomically: true, encoding: .utf8)
    try await eventually(within: 20, "the mended script to catch up") {
      let seen = try await done()
      return seen == [3, 1, 2, 4] ? nil : "\(seen)"
    }
    #expect(daemon.stop() == 0)
  }
}
