import Foundation
import TestKit
import Testing

/// Many instances that wait: while their script changes, and over a restart.
@Suite("Waiting processes")
struct ProcessAcceptance {
  private static func checkout(first: String = "", last: String = "Confirmed") -> String {
    """
    process "checkout" {
      starts = { "OrderPlaced" },
      hears = "Paid",
      run = function(order)
        if order.data.gift then \(first.isEmpty ? #"emit("Wrapped", {})"# : first) end
        local paid = await "Paid"
        emit("\(last)", { by = paid.data.by })
      end,
    }
    """
  }

  private static func events(_ type: String, _ range: Range<Int>, _ data: (Int) -> String) -> Data {
    let lines = range.map {
      #"{"specversion":"1.0","id":"\#(type)\#($0)","source":"/t","type":"\#(type)","subject":"o-\#($0)","data":\#(data($0))}"#
    }
    return Data("[\(lines.joined(separator: ","))]".utf8)
  }

  private static func send(
    _ type: String, _ count: Int, to daemon: DaemonProcess, _ data: @escaping (Int) -> String
  ) async throws {
    for start in stride(from: 0, to: count, by: 1000) {
      let body = events(type, start..<min(start + 1000, count), data)
      let response = try await daemon.postBatch(body)
      try #require(response.status == 201, "\(response.json)")
    }
    try await daemon.settle()
  }

  private static func process(_ daemon: DaemonProcess) async throws -> [String: Any] {
    let list = try await daemon.get("/processes?limit=1").json
    return (list["processes"] as? [[String: Any]])?.first ?? [:]
  }

  private static func versions(_ daemon: DaemonProcess) async throws -> [Int: Int] {
    let versions = try await process(daemon)["versions"] as? [[String: Any]] ?? []
    return Dictionary(
      uniqueKeysWithValues: versions.map { ($0["generation"] as? Int ?? 0, $0["instances"] as? Int ?? 0) })
  }

  @Test(.timeLimit(.minutes(5)))
  func `of a thousand that wait, those whose history is the same move to new scripts, and the others end on their own`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["checkout.lua": Self.checkout()], below: "handlers")
    let data = folder.path + "/data"
    var daemon = try DaemonProcess(handlers: handlers, data: data)
    try await Self.send("OrderPlaced", 1000, to: daemon) { $0 % 4 == 0 ? #"{"gift":true}"# : "{}" }
    #expect(try await Self.versions(daemon) == [1: 1000])
    // Gifts are done in another way from now on.
    _ = try folder.write(
      ["checkout.lua": Self.checkout(first: #"emit("Ribboned", {})"#, last: "Settled")], below: "handlers")
    try await eventually("the new scripts") {
      let generation = try await daemon.status()["generation"] as? [String: Any]
      return generation?["number"] as? Int == 2 ? nil : "\(generation ?? [:])"
    }
    #expect(try await Self.versions(daemon) == [1: 1000])
    daemon.kill()
    daemon = try DaemonProcess(handlers: handlers, data: data)
    let moved = try daemon.run("processes", "move", "--all")
    #expect(moved.code == 0, "\(moved.out)\(moved.err)")
    try await eventually("750 that have moved") {
      let versions = try await Self.versions(daemon)
      return versions == [1: 250, 2: 750] ? nil : "\(versions)"
    }
    let list = try daemon.run("processes", "checkout", "--version", "1", "--limit", "3")
    #expect(list.out.contains("checkout: 1000 running (250 on version 1, 750 on version 2)"), "\(list.out)")
    #expect(list.out.contains("on 2, step 1 makes event Ribboned, where it made event Wrapped"), "\(list.out)")
    let shown = try daemon.run("processes", "show", "checkout", "o-4")
    #expect(shown.out.contains("→ event Wrapped o-4"), "\(shown.out)")
    daemon.kill()
    daemon = try DaemonProcess(handlers: handlers, data: data)
    try await Self.send("Paid", 1000, to: daemon) { _ in #"{"by":"card"}"# }
    let events = try await daemon.allEvents()
    #expect(events.count { $0.text("type") == "Confirmed" } == 250)
    #expect(events.count { $0.text("type") == "Settled" } == 750)
    #expect(events.count { $0.text("type") == "Ribboned" } == 0)
    #expect(try await Self.process(daemon)["instances"] as? Int == 0)
    #expect(daemon.stop() == 0)
  }

  @Test(.timeLimit(.minutes(5)))
  func `a hundred thousand that wait cost little memory and little time at a start`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["checkout.lua": Self.checkout()], below: "handlers")
    let data = folder.path + "/data"
    let count = 100_000
    var daemon = try DaemonProcess(handlers: handlers, data: data)
    let empty = Self.resident(daemon)
    let began = ContinuousClock.now
    try await Self.send("OrderPlaced", count, to: daemon) { _ in "{}" }
    #expect(try await Self.process(daemon)["instances"] as? Int == count)
    print(
      "\(count) started in \(ContinuousClock.now - began); \(empty >> 10) MB before, \(Self.resident(daemon) >> 10) MB after"
    )
    daemon.kill()
    let start = ContinuousClock.now
    daemon = try DaemonProcess(handlers: handlers, data: data)
    let took = ContinuousClock.now - start
    let resident = Self.resident(daemon)
    print("started again with \(count) waiting in \(took), \(resident >> 10) MB")
    #expect(took < .seconds(10))
    #expect(resident < 300 << 10)
    #expect(try await Self.process(daemon)["instances"] as? Int == count)
    try await Self.send("Paid", 1000, to: daemon) { _ in #"{"by":"card"}"# }
    #expect(try await Self.process(daemon)["instances"] as? Int == count - 1000)
    #expect(daemon.stop() == 0)
  }

  /// KiB.
  private static func resident(_ daemon: DaemonProcess) -> Int {
    let status = (try? String(contentsOfFile: "/proc/\(daemon.identifier)/status", encoding: .utf8)) ?? ""
    return status.firstMatch(of: /VmRSS:\s+(\d+) kB/).flatMap { Int($0.1) } ?? 0
  }
}
