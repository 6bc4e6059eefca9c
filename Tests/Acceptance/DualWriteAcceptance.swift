import Foundation
import ServerKit
import TestKit
import Testing

/// An application writes an order and its outbox row in one transaction (issue: dual write). Both it and the daemon are
/// killed at any point.
@Suite(.enabled(if: PostgresServer.isInstalled, Comment(rawValue: PostgresServer.missing)))
struct DualWriteAcceptance {
  private static let scripts = """
    source "shop" { postgres = env "SHOP_DB", table = "outbox", every = "100ms", batch = 20 }
    consumer "fulfilment" {
      on = { OrderPlaced = function(event) emit("OrderAccepted", { number = event.data.number }) end },
    }
    """

  private static let tables = """
    create table orders (id text primary key, number int);
    create table outbox (id bigserial primary key, type text not null, subject text not null, data jsonb not null,
      created_at timestamptz not null default now());
    """

  /// One order after the other, each with its row; the pauses make it likely that a kill comes inside a transaction.
  private static func application(round: Int, server: PostgresServer, in folder: TemporaryFolder) throws
    -> RunningProgram
  {
    let orders = (0..<500).map { number in
      """
      begin;
      insert into orders values ('order-\(round)-\(number)', \(number));
      select pg_sleep(random() * 0.004);
      insert into outbox (type, subject, data)
        values ('OrderPlaced', 'order-\(round)-\(number)', json_build_object('number', \(number)));
      \(number % 7 == 6 ? "rollback" : "commit");
      """
    }
    let script = "\(folder.path)/orders-\(round).sql"
    try orders.joined(separator: "\n").write(toFile: script, atomically: false, encoding: .utf8)
    return try RunningProgram("/usr/bin/psql", ["-X", "-q", "-o", "/dev/null", "-f", script, server.url])
  }

  @Test(.timeLimit(.minutes(3)))
  func `the choreography sees exactly the committed orders, whoever is killed`() async throws {
    let folder = TemporaryFolder()
    let server = try PostgresServer()
    try server.query(Self.tables)
    let handlers = folder.path + "/handlers"
    try FileManager.default.createDirectory(atPath: handlers, withIntermediateDirectories: true)
    try Self.scripts.write(toFile: handlers + "/shop.lua", atomically: true, encoding: .utf8)
    func start() throws -> DaemonProcess {
      try DaemonProcess(handlers: handlers, data: folder.path + "/data", environment: ["SHOP_DB": server.url])
    }
    var daemon = try start()
    for round in 0..<8 {
      let application = try Self.application(round: round, server: server, in: folder)
      try await Task.sleep(for: .milliseconds(Int.random(in: 150...500)))
      if round % 2 == 0 {
        daemon.kill()
        daemon = try start()
      }
      if round == 5 {
        server.kill()
        try server.start()
      }
      try await Task.sleep(for: .milliseconds(Int.random(in: 50...300)))
      application.send(SIGKILL)
      try application.wait()
    }
    try await eventually(within: 60, "an empty outbox") {
      let left = try server.query("select count(*) from outbox")
      return left == "0" ? nil : "\(left) rows left; \(daemon.output.suffix(500))"
    }
    try await daemon.settle()
    let events = try await daemon.allEvents()
    let committed = try server.query("select id from orders").split(separator: "\n").map(String.init).sorted()
    #expect(committed.count > 50)
    for type in ["OrderPlaced", "OrderAccepted"] {
      #expect(events.filter { $0.text("type") == type }.map { $0.text("subject") }.sorted() == committed, "\(type)")
    }
    let listed = try daemon.run("sources")
    #expect(listed.code == 0 && listed.out.contains("shop") && listed.out.contains("running"), "\(listed)")
    #expect(daemon.stop() == 0)
  }

  @Test func `a provider's signed request becomes an event, once`() async throws {
    let folder = TemporaryFolder()
    let handlers = folder.path + "/handlers"
    try FileManager.default.createDirectory(atPath: handlers, withIntermediateDirectories: true)
    try """
    source "psp" { http = "psp", verify = { scheme = "token", header = "x-token", secret = env "PSP_TOKEN" },
      event = function(request)
        return { type = "Paid", subject = request.body.order, id = request.body.id, data = { n = request.body.n } }
      end }
    """.write(toFile: handlers + "/psp.lua", atomically: true, encoding: .utf8)
    let tokens = folder.path + "/tokens"
    try "append,read,admin 0123456789abcdef0123\n".write(toFile: tokens, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: tokens)
    let daemon = try DaemonProcess(
      handlers: handlers, data: folder.path + "/data", arguments: ["--token-file", tokens],
      environment: ["PSP_TOKEN": "open sesame".replacing(" ", with: "-")])
    func post(_ token: String) throws -> String {
      try Program.run(
        "/usr/bin/curl",
        [
          "-s", "-w", " %{http_code}", "-H", "Content-Type: application/json", "-H", "x-token: \(token)", "-H",
          "Host: hooks.example.com", "-d", #"{"order":"o-1","id":"e1","n":1}"#,
          "http://127.0.0.1:\(daemon.port)/in/psp",
        ])
    }
    #expect(try post("open-sesame") == #"{"first":1,"last":1,"count":1,"duplicates":0} 201"#)
    #expect(try post("open-sesame") == #"{"first":1,"last":1,"count":1,"duplicates":1} 200"#)
    #expect(try post("open-sesam").hasSuffix(" 401"))
    #expect(try await daemon.get("/sources").status == 401)
    daemon.kill()
  }
}
