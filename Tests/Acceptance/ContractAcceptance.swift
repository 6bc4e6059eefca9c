import Foundation
import TestKit
import Testing

/// Contracts with the real binary: at the door, over a change of version, and against what is in the log.
@Suite("Contracts, from the door to the log")
struct ContractAcceptance {
  private static let first = """
    contract "OrderPlaced" { schema = { price = "number" } }
    consumer "book" { on = { OrderPlaced = function(event) emit("Booked", event.data) end } }
    """
  private static let second = """
    contract "OrderPlaced" {
      version = 2, schema = { price = "number", currency = "EUR|USD" },
      upcast = { [1] = function(data) data.currency = "EUR" return data end },
    }
    consumer "book" { on = { OrderPlaced = function(event) emit("Booked", event.data) end } }
    """

  private func post(_ daemon: DaemonProcess, _ body: String, _ type: String = "application/cloudevents+json")
    async throws
    -> DaemonProcess.Response
  {
    try await daemon.request("POST", "/events", body: Data(body.utf8), headers: ["content-type": type])
  }

  private func event(_ data: String) -> String {
    #"{"specversion":"1.0","type":"OrderPlaced","subject":"order-1","data":\#(data)}"#
  }

  @Test func `what breaks a contract is refused in every form, with the path, and nothing of it is in`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["a.lua": Self.first], below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    let single = try await post(daemon, event(#"{"price":"12"}"#))
    #expect(single.status == 422)
    #expect(single.json["type"] as? String == "urn:moondance:problem:contract-broken")
    #expect(single.json["path"] as? String == "data.price")
    #expect((single.json["detail"] as? String)?.contains("data.price is text; a number is wanted") == true)
    let batch = try await post(
      daemon, "[\(event(#"{"price":1}"#)),\(event("{}"))]", "application/cloudevents-batch+json")
    #expect(batch.status == 422)
    #expect(batch.json["index"] as? Int == 1)
    let stream = try await post(
      daemon, "\(event(#"{"price":1}"#))\n\(event("7"))\n\(event(#"{"price":3}"#))\n", "application/x-ndjson")
    #expect(stream.status == 422)
    #expect(stream.json["line"] as? Int == 2)
    #expect(stream.json["last"] as? Int == 1)
    try await daemon.settle()
    #expect(try await daemon.allEvents().filter { $0.text("type") == "OrderPlaced" }.count == 1)
    let command = try daemon.run("emit", "OrderPlaced", "--subject", "order-2", "--data", #"{"price":true}"#)
    #expect(command.code == 1)
    #expect(command.err.contains("data.price is true; a number is wanted"))
    #expect(daemon.stop() == 0)
  }

  @Test func `older events are read through the upcast by whatever reads them later`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["a.lua": Self.first], below: "handlers")
    let data = folder.path + "/data"
    var daemon = try DaemonProcess(handlers: handlers, data: data)
    for price in 1...3 { #expect(try await post(daemon, event(#"{"price":\#(price)}"#)).status == 201) }
    try await daemon.settle()
    let (old, end) = (try await booked(daemon), try await daemon.allEvents().count)
    #expect(old == ["1 none", "2 none", "3 none"])
    _ = try folder.write(
      [
        "a.lua": Self.second,
        "b.lua": """
        projection "prices" { initial = { all = array {} }, on = { OrderPlaced = function(d, e)
          d.all[#d.all + 1] = e.data.price .. " " .. tostring(e.data.currency)
        end } }
        aggregate "order" {
          initial = { total = 0, currency = "none" },
          events = { OrderPlaced = function(o, e) o.total = o.total + e.data.price o.currency = e.data.currency end },
          commands = { Ask = function(o, c) emit("Asked", { total = o.total, currency = o.currency }) end },
        }
        consumer "reader" { reads = { "prices", "order" }, on = { Asked = function(event)
          emit("Read", { all = read("prices", event.subject).all, currency = read("order", event.subject).currency })
        end } }
        """,
      ], below: "handlers")
    #expect(try daemon.run("reload").code == 0)
    #expect(try await post(daemon, event(#"{"price":4,"currency":"USD"}"#)).status == 201)
    try await daemon.settle()

    // A new projection, now and at past moments, by position and by time, with its file and after a restart without it.
    let all = #"{"all":["1 EUR","2 EUR","3 EUR","4 USD"]}"# + "\n"
    #expect(try daemon.run("view", "prices", "order-1").out == all)
    for _ in 0..<2 {
      for count in 1...3 {
        let at = try await position(ofOrder: count, daemon)
        let prices = (1...count).map { "\"\($0) EUR\"" }.joined(separator: ",")
        #expect(try daemon.run("view", "prices", "order-1", "--at", "\(at)").out == "{\"all\":[\(prices)]}\n")
        let state = #"{"currency":"EUR","total":\#(count * (count + 1) / 2)}"# + "\n"
        #expect(try daemon.run("view", "order", "order-1", "--at", "\(at)").out == state)
      }
      #expect(try daemon.run("view", "prices", "order-1", "--at", "2999-01-01").out == all)
      #expect(daemon.stop() == 0)
      for file in try FileManager.default.contentsOfDirectory(atPath: data) where file.hasPrefix("views.db") {
        try FileManager.default.removeItem(atPath: "\(data)/\(file)")
      }
      daemon = try DaemonProcess(handlers: handlers, data: data)
      try await daemon.settle()
    }

    // HTTP as it was written, and as the newest version has it.
    let first = try await position(ofOrder: 1, daemon)
    func currency(_ query: String) async throws -> String? {
      (try await daemon.get("/events/\(first)\(query)").json["data"] as? [String: Any])?["currency"] as? String
    }
    #expect(try await currency("") == nil)
    #expect(try await currency("?upcast=true") == "EUR")

    // A command on the state, and a handler that reads.
    let asked = try daemon.run("send", "Ask", "--to", "order-1")
    #expect(asked.code == 0 && asked.out.contains(#"{"currency":"USD","total":10}"#), "\(asked)")
    try await daemon.settle()
    let read = try #require(try await daemon.allEvents().first { $0.text("type") == "Read" }?["data"] as? [String: Any])
    #expect(read["all"] as? [String] == ["1 EUR", "2 EUR", "3 EUR", "4 USD"] && read["currency"] as? String == "USD")

    // A consumer that is rewound handles all of them again.
    #expect(try daemon.run("consumers", "rewind", "book", "--to", "1", "--yes").code == 0)
    try await daemon.settle()
    #expect(try await Array(booked(daemon, after: end).suffix(4)) == ["1 EUR", "2 EUR", "3 EUR", "4 USD"])
    #expect(daemon.stop() == 0)
  }

  /// What the consumer has made of orders, in the order of the log.
  private func booked(_ daemon: DaemonProcess, after position: Int = 0) async throws -> [String] {
    try await daemon.allEvents().filter { $0.text("type") == "Booked" && $0.position > position }.map { event in
      let data = event["data"] as? [String: Any] ?? [:]
      return "\(data["price"] ?? "") \(data["currency"] ?? "none")"
    }
  }

  private func position(ofOrder number: Int, _ daemon: DaemonProcess) async throws -> Int {
    try await daemon.allEvents().filter { $0.text("type") == "OrderPlaced" }[number - 1].position
  }

  @Test func `older events are read through the upcast by a new consumer, and check finds what would be refused`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["a.lua": Self.first], below: "handlers")
    let data = folder.path + "/data"
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    #expect(try await post(daemon, event(#"{"price":1}"#)).status == 201)
    _ = try folder.write(
      [
        "a.lua": Self.second,
        "b.lua":
          #"consumer "late" { from = "start", on = { OrderPlaced = function(event) emit("Late", event.data) end } }"#,
      ], below: "handlers")
    #expect(try daemon.run("reload").code == 0)
    #expect(try await post(daemon, event(#"{"price":2,"currency":"USD"}"#)).status == 201)
    #expect(try await post(daemon, event(#"{"price":2}"#)).status == 422)
    try await daemon.settle()
    let late = try await daemon.allEvents().filter { $0.text("type") == "Late" }
    #expect(late.map { ($0["data"] as? [String: Any])?["currency"] as? String } == ["EUR", "USD"])

    let good = try Binary.run(["check", handlers, "--data", data])
    #expect(good.code == 0)
    #expect(!good.err.contains("refuses"))
    _ = try folder.write(["a.lua": Self.second.replacing("EUR|USD", with: "EUR|CHF")], below: "strict")
    let strict = try Binary.run(["check", folder.path + "/strict", "--data", data])
    let refusal =
      /a\.lua:1: contract "OrderPlaced" refuses 1 of 2 events in the log, the first at \d+: data\.currency is "USD"/
    #expect(strict.err.contains(refusal), "\(strict.err)")
    #expect(daemon.stop() == 0)
  }
}
