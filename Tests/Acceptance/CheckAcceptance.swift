import Foundation
import TestKit
import Testing

/// `moondance check` with the real binary: what it warns of.
@Suite("Checking scripts")
struct CheckAcceptance {
  private static let scripts = [
    "orders.lua": """
    consumer "orders" { on = {
      OrderPlaced = function(event) emit("OrderBooked", {}) end,
      OrderCancelled = function(event) send("Release", {}, { to = "stock" }) end,
      ["Payment*"] = function(event) emit("OrderPaid", {}) end,
    } }
    """,
    "stock.lua": """
    aggregate "stock" {
      events   = { Reserved = function(s, e) end, Released = function(s, e) end },
      commands = { Release = function(s, c) emit("Released", {}) end },
    }
    projection "paid" { on = { OrderPaid = function(d) end, ["Parcel*"] = function(d) end } }
    """,
  ]

  @Test func `what a process hears by a path says so`() throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(
      [
        "collection.lua": """
        process "collection" {
          starts = "OrderPlaced", hears = { "OrderPaid", CardUpdated = "data.customer" }, run = function() end,
        }
        """
      ], below: "handlers")
    let table = try Binary.run(["check", handlers])
    #expect(table.out.contains("  hears CardUpdated by data.customer\n  hears OrderPaid\n"), "\(table.out)")
    let report = try Binary.run(["check", handlers, "--json"])
    #expect(report.out.contains(#""by" : "data.customer""#), "\(report.out)")
  }

  @Test func `events with one side only are told, and the log knows what comes from outside`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.scripts, below: "handlers")
    let alone = try Binary.run(["check", handlers])
    #expect(alone.code == 0)
    #expect(
      alone.err == """
        warning: emitted, and heard by no script: OrderBooked (orders.lua:2)
        warning: heard, and emitted by no script: OrderCancelled (orders.lua:3), OrderPlaced (orders.lua:2), \
        Payment* (orders.lua:4), Reserved (stock.lua:2), Parcel* (stock.lua:5)

        """, "\(alone.err)")

    let data = folder.path + "/data"
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    for type in ["OrderPlaced", "PaymentCaptured", "OrderPaid"] {
      #expect(try daemon.run("emit", type, "--subject", "order-1").code == 0)
    }
    let against = try Binary.run(["check", handlers, "--data", data])
    #expect(
      against.err == """
        warning: emitted, and heard by no script: OrderBooked (orders.lua:2)
        warning: heard, and emitted by no script: OrderCancelled (orders.lua:3), Reserved (stock.lua:2), \
        Parcel* (stock.lua:5)

        """, "\(against.err)")
    let json = try Binary.run(["check", handlers, "--data", data, "--json"])
    let report = try JSONSerialization.jsonObject(with: Data(json.out.utf8)) as? [String: Any]
    #expect((report?["unheard"] as? [[String: Any]])?.map { $0["type"] as? String } == ["OrderBooked"])
    #expect((report?["unmade"] as? [[String: Any]])?.compactMap { $0["line"] as? Int } == [3, 2, 5])
    #expect(daemon.stop() == 0)

    let contracts = ["OrderBooked", "OrderCancelled", "Reserved", "ParcelSent"].map {
      "contract \"\($0)\" { schema = { [\"note?\"] = \"string\" } }"
    }
    _ = try folder.write(["contracts.lua": contracts.joined(separator: "\n")], below: "handlers")
    #expect(try Binary.run(["check", handlers, "--data", data]).err == "")
  }
}
