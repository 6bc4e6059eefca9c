import Foundation
import TestKit
import Testing

/// Projections of order events with the real binary, against a count made here, straight from the input.
@Suite("Views of orders")
struct ViewsAcceptance {
  private static let source = """
    projection "orders" {
      key = { PackageCreated = "data.orders", PackageDelivered = "data.orders" },
      initial = { picked = 0, packages = array {}, delivered = 0 },
      on = {
        OrderPlaced    = function(order, event)
          order.status, order.items, order.price = "placed", #event.data.items, event.data.price
        end,
        ItemPicked     = function(order) order.picked = order.picked + 1 end,
        PackageCreated = function(order, event) order.packages[#order.packages + 1] = event.subject end,
        PackageDelivered = function(order) order.delivered = order.delivered + 1 end,
        OrderPaid      = function(order, event) order.status = "paid"  order.paid = event.data.price end,
      },
      index = { "status", "delivered" },
    }

    projection "packages" {
      initial = { failures = 0 },
      on = {
        PackageCreated   = function(package, event) package.status, package.orders = "created", #event.data.orders end,
        PackageSent      = function(package) package.status = "sent" end,
        DeliveryFailed   = function(package) package.failures = package.failures + 1 end,
        PackageDelivered = function(package) package.status = "delivered" end,
      },
      index = { "status" },
    }

    projection "revenue" {
      key = function(event) return event.data.price and "day " .. event.time // 86400000 end,
      initial = { cents = 0, orders = 0 },
      on = {
        OrderPaid = function(day, event)
          day.cents = day.cents + math.floor(event.data.price * 100 + 0.5)
          day.orders = day.orders + 1
        end,
      },
    }
    """

  /// The same in Swift, from the file, knowing nothing of scripts.
  struct Model: Equatable {
    struct Order: Equatable {
      var status: String?
      var items: Int?
      var price: Double?
      var picked = 0
      var packages: [String] = []
      var delivered = 0
      var paid: Double?
    }

    struct Package: Equatable {
      var status: String?
      var orders: Int?
      var failures = 0
    }

    struct Day: Equatable {
      var cents = 0
      var orders = 0
    }

    var orders: [String: Order] = [:]
    var packages: [String: Package] = [:]
    var days: [String: Day] = [:]

    init() {}

    init(_ input: [[String: Any]]) {
      for event in input {
        let (subject, data) = (event.text("subject"), event["data"] as? [String: Any] ?? [:])
        let price = (data["price"] as? NSNumber)?.doubleValue
        var named: [String] = []
        for order in data["orders"] as? [String] ?? [] where !named.contains(order) { named.append(order) }
        switch event.text("type") {
        case "OrderPlaced":
          orders[subject, default: Order()].status = "placed"
          orders[subject]!.items = (data["items"] as? [Any])?.count
          orders[subject]!.price = price
        case "ItemPicked": orders[subject, default: Order()].picked += 1
        case "OrderPaid":
          orders[subject, default: Order()].status = "paid"
          orders[subject]!.paid = price
          let seconds = ISO8601DateFormatter.seconds(event.text("time"))
          days["day \(seconds / 86_400)", default: Day()].cents += Int((price! * 100 + 0.5).rounded(.down))
          days["day \(seconds / 86_400)"]!.orders += 1
        case "PackageCreated":
          for order in named { orders[order, default: Order()].packages.append(subject) }
          packages[subject, default: Package()].status = "created"
          packages[subject]!.orders = (data["orders"] as? [Any])?.count
        case "PackageSent": packages[subject, default: Package()].status = "sent"
        case "DeliveryFailed": packages[subject, default: Package()].failures += 1
        case "PackageDelivered":
          for order in named { orders[order, default: Order()].delivered += 1 }
          packages[subject, default: Package()].status = "delivered"
        default: break
        }
      }
    }
  }

  /// What the daemon's views say.
  private static func views(of daemon: DaemonProcess) async throws -> Model {
    var model = Model()
    for (key, order) in try await documents(daemon, "orders") {
      model.orders[key] = Model.Order(
        status: order["status"] as? String, items: order["items"] as? Int,
        price: (order["price"] as? NSNumber)?.doubleValue,
        picked: order["picked"] as? Int ?? -1, packages: order["packages"] as? [String] ?? ["?"],
        delivered: order["delivered"] as? Int ?? -1, paid: (order["paid"] as? NSNumber)?.doubleValue)
    }
    for (key, package) in try await documents(daemon, "packages") {
      model.packages[key] = Model.Package(
        status: package["status"] as? String, orders: package["orders"] as? Int,
        failures: package["failures"] as? Int ?? -1)
    }
    for (key, day) in try await documents(daemon, "revenue") {
      model.days[key] = Model.Day(
        cents: (day["cents"] as? NSNumber)?.intValue ?? -1, orders: day["orders"] as? Int ?? -1)
    }
    return model
  }

  private static func documents(_ daemon: DaemonProcess, _ view: String) async throws -> [(String, [String: Any])] {
    var all: [(String, [String: Any])] = []
    var after: String?
    repeat {
      let from = after.map { "&after=" + $0.addingPercentEncoding(withAllowedCharacters: .alphanumerics)! } ?? ""
      let page = try await daemon.get("/views/\(view)?limit=700\(from)").json
      for document in page["documents"] as? [[String: Any]] ?? [] {
        all.append((document.text("key"), document["document"] as? [String: Any] ?? [:]))
      }
      after = page["next"] as? String
    } while after != nil
    return all
  }

  private static func input(in folder: TemporaryFolder) throws -> (file: URL, events: [[String: Any]]) {
    let shared = Binary.root.deletingLastPathComponent().appending(path: "shared/data/orders.ndjson")
    var file = shared
    if !FileManager.default.fileExists(atPath: shared.path) {
      file = URL(filePath: folder.path + "/orders.ndjson")
      try OrdersAcceptance.generated(orders: 1500).write(to: file, atomically: false, encoding: .utf8)
    }
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    return (file, try lines.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any] })
  }

  /// Waits until every view has read the log and none is folded anew.
  private static func settle(_ daemon: DaemonProcess, within seconds: Double = 60) async throws {
    try await daemon.settle(within: seconds)
    try await eventually(within: seconds, "every view at the end of the log") {
      let status = try await daemon.status()
      let views = status["views"] as? [[String: Any]] ?? []
      let isDone =
        !views.isEmpty
        && views.allSatisfy {
          $0["lag"] as? Int == 0 && $0["rebuilding"] as? Bool == false && $0["state"] as? String == "live"
        }
      return isDone ? nil : "\(views)\n\(daemon.output)"
    }
  }

  @Test(.timeLimit(.minutes(5)))
  func `totals equal a count made outside, also after kills, without views.db, and after a change under load`()
    async throws
  {
    let folder = TemporaryFolder()
    let (file, input) = try Self.input(in: folder)
    let expected = Model(input)
    let handlers = try folder.write(["views.lua": Self.source], below: "handlers")
    let data = folder.path + "/data"
    var daemon = try DaemonProcess(handlers: handlers, data: data, arguments: ["--clock", "events"])

    // Killed in the middle of folding, three times; what was not acknowledged is sent again, and counts once.
    for round in 1...3 {
      try await Self.killFolding(daemon, file, input.count, past: input.count * round / 5)
      daemon = try DaemonProcess(handlers: handlers, data: data)
    }
    let emitted = try daemon.run("emit", "--file", file.path)
    #expect(emitted.code == 0, "\(emitted.err)")
    try await Self.settle(daemon)
    #expect(try await Self.views(of: daemon) == expected)
    try Self.checkSQL(data + "/views.db", expected)
    try await Self.checkQueries(daemon, expected)

    // Without its file.
    #expect(daemon.stop() == 0)
    for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: data + "/views.db" + suffix) }
    daemon = try DaemonProcess(handlers: handlers, data: data)
    try await Self.settle(daemon)
    #expect(try await Self.views(of: daemon) == expected)

    // A change of the fold while events stream in: queries are answered all the time, and then by the new code.
    let load = Task.detached { [daemon] in
      for number in 0..<200 {
        let events = (0..<20).map { index in
          """
          {"specversion":"1.0","id":"l\(number)-\(index)","source":"/load","type":"ItemPicked","subject":"load-\(index)",\
          "time":"2019-01-01T00:00:00Z","data":{}}
          """
        }
        let answer = try await daemon.postBatch(Data("[\(events.joined(separator: ","))]".utf8))
        #expect(answer.status == 201)
        let view = try await daemon.get(
          "/views/orders/load-0?after-position=\(answer.json["last"] as? Int ?? 0)&wait=20s")
        #expect(view.status == 200)
        let picked = (view.json["document"] as? [String: Any])?["picked"] as? Int ?? 0
        #expect(picked == number + 1 || picked == (number + 1) * 2)
      }
    }
    try Self.source.replacing("order.picked + 1", with: "order.picked + 2")
      .write(toFile: handlers + "/views.lua", atomically: true, encoding: .utf8)
    try await load.value
    try await eventually("generation 2") { daemon.output.contains("generation 2 is live") ? nil : daemon.output }
    try await Self.settle(daemon)
    var changed = try await Self.views(of: daemon)
    #expect((0..<20).allSatisfy { changed.orders["load-\($0)"]?.picked == 400 })
    for index in 0..<20 { changed.orders["load-\(index)"] = nil }
    var doubled = expected
    for key in doubled.orders.keys { doubled.orders[key]!.picked *= 2 }
    #expect(changed == doubled)
    #expect(daemon.stop() == 0)
  }

  /// Streams the file into a daemon and kills it when its views have read past a position. The last tenth of the file is
  /// held back until then, so neither the stream nor the folding is at its end.
  private static func killFolding(_ daemon: DaemonProcess, _ file: URL, _ count: Int, past: Int) async throws {
    let sender = try RunningProgram(
      "/bin/sh",
      [
        "-c", "(head -n \"$1\" \"$2\"; cat) | \"$3\" emit --file - --server \"$4\"", "sh", "\(count * 9 / 10)",
        file.path,
        Binary.path, "http://127.0.0.1:\(daemon.port)",
      ], input: .written)
    try await eventually(within: 60, "views past position \(past)") {
      let views = try await daemon.get("/views").json["views"] as? [[String: Any]] ?? []
      return !views.isEmpty && views.allSatisfy { $0.position > past } ? nil : "\(views)"
    }
    daemon.kill()
    sender.closeInput()
    #expect(try sender.wait() != 0)
  }

  /// Anyone may read the file.
  private static func checkSQL(_ path: String, _ model: Model) throws {
    func sqlite(_ sql: String) throws -> String {
      try Program.run("/usr/bin/sqlite3", [path, sql]).trimmingCharacters(in: .whitespacesAndNewlines)
    }
    #expect(
      try sqlite("SELECT count(*) FROM orders WHERE status = 'paid'")
        == "\(model.orders.values.count { $0.status == "paid" })")
    #expect(
      try sqlite("SELECT sum(json_extract(document, '$.cents')) FROM revenue")
        == "\(model.days.values.reduce(0) { $0 + $1.cents })")
  }

  private static func checkQueries(_ daemon: DaemonProcess, _ model: Model) async throws {
    let paid = model.orders.filter { $0.value.status == "paid" && $0.value.delivered == 2 }.keys.sorted()
    let out = try daemon.run("view", "orders", "--where", "status=paid", "--where", "delivered=2")
    #expect(out.code == 0, "\(out.err)")
    #expect(out.out.split(separator: "\n").compactMap { $0.split(separator: " ").first.map(String.init) } == paid)
    let best = try #require(model.days.values.map(\.cents).max())
    let top = try daemon.run("view", "revenue", "--order=-cents", "--limit", "1", "--json")
    #expect(top.out.contains("\"cents\":\(best)"), "\(top.out)")

    // Any past moment: the state after half of the input, by its position, is that of the model fed with half of it.
    let key = try #require(model.orders.keys.sorted().first)
    let events = try await daemon.allEvents()
    let middle = events[events.count / 2].position
    let half = Model(Array(events[..<(events.count / 2 + 1)]))
    let past = try await daemon.get("/views/orders/\(key)?at=\(middle)")
    #expect((past.json["document"] as? [String: Any])?["picked"] as? Int == half.orders[key]?.picked)
    #expect((past.json["found"] as? String)?.isEmpty == false)
    let package = try #require(half.packages.keys.sorted().last)
    let found = try daemon.run("view", "packages", package, "--at", "\(middle)")
    #expect(found.out.contains("\"status\":\"\(half.packages[package]?.status ?? "")\""), "\(found.out)\(found.err)")
    #expect(found.err.contains("found by"))
    let all = try daemon.run("view", "packages", "--at", "\(middle)")
    #expect(all.out.split(separator: "\n").count == half.packages.count)

    // By time: what was committed up to then, which in an imported history is what had happened.
    let day = try #require(events[events.count / 3].text("time").split(separator: "T").first.map(String.init))
    let before = Model(events.filter { $0.text("time") < day })
    let order = try #require(before.orders.keys.sorted().last)
    let then = try daemon.run("view", "orders", order, "--at", day)
    #expect(then.out.contains("\"picked\":\(before.orders[order]?.picked ?? -1)"), "\(then.out)\(then.err)")
    let count = try daemon.run("view", "orders", "--at", day).out.split(separator: "\n").count
    #expect(count == before.orders.count, "\(day)")
  }

  @Test func `a fold that fails freezes its key, is told in status, and a better one thaws it`() async throws {
    let folder = TemporaryFolder()
    let source = "projection \"p\" { initial = { n = 0 }, on = { A = function(d, e) d.n = d.n + e.data.n end } }"
    let handlers = try folder.write(["p.lua": source], below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    for (subject, data) in [("a", "{\"n\":1}"), ("a", "{}"), ("a", "{\"n\":5}"), ("b", "{\"n\":2}")] {
      #expect(try daemon.run("emit", "A", "--subject", subject, "--data", data).code == 0)
    }
    try await Self.settle(daemon)
    let list = try daemon.run("view", "p")
    #expect(list.out.contains("FROZEN: p.lua:1:") && list.out.contains("b  4  {\"n\":2}"), "\(list.out)")
    let one = try daemon.run("view", "p", "a")
    #expect(one.out == "{\"n\":1}\n" && one.err.contains("FROZEN"))
    #expect(try daemon.run("view").out.contains("1\n"))
    try source.replacing("e.data.n end", with: "(e.data.n or 0) end")
      .write(toFile: handlers + "/p.lua", atomically: true, encoding: .utf8)
    try await eventually("thawed") {
      let out = try daemon.run("view", "p", "a").out
      return out == "{\"n\":6}\n" ? nil : out + daemon.output
    }
    #expect(try daemon.run("view", "q").code == 1)
    #expect(try daemon.run("view", "p", "nobody").code == 1)
    #expect(try daemon.run("view", "p", "--rebuild").code == 0)
    try await Self.settle(daemon)
    #expect(daemon.stop() == 0)
  }

  @Test func `a view that is ahead of the log refuses it`() async throws {
    let folder = TemporaryFolder()
    let source = "projection \"p\" { on = { A = function(d) d.seen = true end } }"
    let handlers = try folder.write(["p.lua": source], below: "handlers")
    let data = folder.path + "/data"
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    _ = try daemon.run("emit", "A", "--subject", "a")
    try await Self.settle(daemon)
    #expect(daemon.stop() == 0)
    try Program.run("/usr/bin/sqlite3", [data + "/views.db", "UPDATE moondance_projections SET position = 500"])
    let refused = try Binary.run(["run", handlers, "--data", data, "--listen", "127.0.0.1:0"])
    #expect(refused.code == 1 && refused.err.contains("views.db has seen position 500"), "\(refused.err)")
  }
}

extension ISO8601DateFormatter {
  /// Whole seconds since 1970 of a time as the data have it.
  fileprivate static func seconds(_ text: String) -> Int {
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions =
      text.contains(".") ? [.withInternetDateTime, .withFractionalSeconds] : [.withInternetDateTime]
    return formatter.date(from: text).map { Int($0.timeIntervalSince1970.rounded(.down)) } ?? -1
  }
}
