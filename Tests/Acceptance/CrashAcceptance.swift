import Foundation
import TestKit
import Testing

/// Faults 1–5 and 40 with the real binary: SIGKILL at random moments while events stream in.
@Suite("Killed at random")
struct CrashAcceptance {
  private static let handlers = [
    "forward.lua": """
    consumer "forward" { on = { Ping = function(event) emit("Pong", { n = event.data.n }) end } }
    """,
    "follow.lua": """
    consumer "follow" { on = { Pong = function(event) emit("Pang", { n = event.data.n }) end } }
    """,
  ]

  @Test(.timeLimit(.minutes(5)))
  func `no acknowledged event is missing and every reaction is there exactly once after twenty kills`() async throws {
    var random = Seed.printed()
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let data = folder.path + "/data"
    var acknowledged: Set<String> = []
    var sent = 0
    for _ in 0..<20 {
      let daemon = try DaemonProcess(handlers: handlers, data: data)
      let killer = daemon.kill(after: .milliseconds(Int.random(in: 20...250, using: &random)))
      // Sends until the daemon is gone; what has no answer is sent again to the next one.
      while true {
        let ids = (sent..<(sent + 50)).map { "e\($0)" }
        guard (try? await daemon.postBatch(Self.batch(ids)))?.status == 201 else { break }
        acknowledged.formUnion(ids)
        sent += 50
      }
      try await killer.value
      let verified = try Binary.run(["log", "verify", data])
      #expect(verified.code == 0, "\(verified.out)\(verified.err)")
    }
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    try await daemon.settle()
    let events = try await daemon.allEvents()
    #expect(daemon.stop() == 0)

    let pings = events.filter { $0.text("type") == "Ping" }
    let (pongs, pangs) = (events.filter { $0.text("type") == "Pong" }, events.filter { $0.text("type") == "Pang" })
    let ids = pings.map { $0.text("id") }
    #expect(Set(ids).count == ids.count)
    #expect(acknowledged.subtracting(ids).isEmpty)
    #expect(acknowledged.count > 500, "too little was sent to mean anything")
    #expect(pongs.map(\.cause).sorted() == pings.map(\.position).sorted())
    #expect(pangs.map(\.cause).sorted() == pongs.map(\.position).sorted())
    for (_, ofSubject) in Dictionary(grouping: pongs, by: { $0.text("subject") }) {
      #expect(ofSubject.map(\.cause) == ofSubject.map(\.cause).sorted())
    }
  }

  private static func batch(_ ids: [String]) -> Data {
    let events = ids.map { id in
      """
      {"specversion":"1.0","id":"\(id)","source":"/crash","type":"Ping","subject":"s-\(id.utf8.last! & 7)","data":{"n":1}}
      """
    }
    return Data("[\(events.joined(separator: ","))]".utf8)
  }

  @Test func `SIGTERM drains and exits with 0, and the next start has nothing to do again (fault 39)`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let data = folder.path + "/data"
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    let response = try await daemon.postBatch(Self.batch((0..<500).map { "e\($0)" }))
    #expect(response.status == 201)
    #expect(daemon.stop() == 0)
    let again = try DaemonProcess(handlers: handlers, data: data)
    try await again.settle()
    let events = try await again.allEvents()
    #expect(events.count { $0.text("type") == "Pang" } == 500)
    #expect(again.stop() == 0)
  }

  @Test func `a second daemon on the same folder exits at once and names the first (fault 37)`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    let second = try Binary.run(["run", handlers, "--data", folder.path + "/data", "--listen", "127.0.0.1:0"])
    #expect(second.code == 1)
    #expect(second.err.contains("process \(daemon.identifier)"))
    #expect(daemon.isRunning)
    daemon.stop()
  }
}
