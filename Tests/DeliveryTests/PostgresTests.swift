import Delivery
import Engine
import Foundation
import Scripts
import ServerKit
import Synchronization
import TestKit
import Testing

@Suite(.enabled(if: PostgresServer.isInstalled, Comment(rawValue: PostgresServer.missing)), .serialized)
struct PostgresTests {
  /// One for all tests, each of which has tables of its own. What is static is never deinitialised, so it ends with the
  /// process.
  private static let server: Result<PostgresServer, any Error> = Result {
    let server = try PostgresServer()
    atexit { try? PostgresTests.server.get().remove() }
    return server
  }

  private func started() throws -> (server: PostgresServer, dispatch: Dispatch) {
    let server = try Self.server.get()
    let dispatch = Dispatch()
    dispatch.set("DB", server.url)
    return (server, dispatch)
  }

  private func table(_ name: String, _ connection: String = "{env:DB}", timeout: Int64 = 10_000_000) throws
    -> DestinationDeclaration
  {
    let place = DestinationDeclaration.PostgresPlace(connection: try Template(parsing: connection), table: name)
    return DestinationDeclaration(place: .postgres(place), timeout: timeout)
  }

  @Test func `a message is one row of a table that is made when it is missing, however often it comes`() async throws {
    let (server, dispatch) = try started()
    defer { dispatch.stop() }
    try server.query("create schema \"my shop\"")
    var attributes = Dispatch.Attributes()
    attributes.headers = #"{"x":1}"#
    let attempt = dispatch.attempt(
      try table("my shop.Out\"box"), key: "kö'1", body: #"{"n":1, "t":"a\\b\n"}"#, attributes)
    for _ in 0..<3 {
      let outcome = await dispatch.deliver(attempt)
      #expect(outcome.isDelivered, "\(outcome.text)")
    }
    let columns =
      "message_id, position, key, type, body->>'n', body->>'t' = E'a\\\\b\\n', headers, recorded_at at time zone 'UTC'"
    #expect(
      try server.query("select \(columns) from \"my shop\".\"Out\"\"box\"")
        == #"\#(Dispatch.idPrefix)1|1|kö'1|OrderPlaced|1|t|{"x": "1"}|2026-07-01 09:30:00"#)
  }

  @Test func `many messages at once all arrive once, and share transactions`() async throws {
    let (server, dispatch) = try started()
    defer { dispatch.stop() }
    let destination = try table("many")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for key in 0..<50 {
        group.addTask {
          for number in 0..<20 {
            let outcome = await dispatch.deliver(destination, key: "k\(key)", body: "\(number)")
            #expect(outcome.isDelivered, "\(outcome.text)")
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(
      try server.query("select count(*), count(distinct xmin::text) < 1000, count(distinct key) from many")
        == "1000|t|50")
  }

  @Test func `what cannot be stored is refused alone`() async throws {
    let (server, dispatch) = try started()
    defer { dispatch.stop() }
    let destination = try table("picky")
    try server.query(
      """
      create table picky (message_id text primary key, position bigint, key text, type text, body jsonb, headers jsonb,
      recorded_at timestamptz, check (key <> 'bad'))
      """)
    await withTaskGroup(of: (Int, DeliveryOutcome).self) { group in
      for number in 0..<60 {
        group.addTask {
          let body = number % 10 == 3 ? #"{"t":"\u0000"}"# : #"{"t":1}"#
          return (number, await dispatch.deliver(destination, key: number % 10 == 7 ? "bad" : "good", body: body))
        }
      }
      for await (number, outcome) in group {
        switch number % 10 {
        case 3:
          #expect(
            outcome.text.hasPrefix("refused: table picky: PostgreSQL says: ") && outcome.text.hasSuffix("(22P05)"))
        case 7:
          #expect(
            outcome.text.hasPrefix("refused: table picky: PostgreSQL says: ") && outcome.text.hasSuffix("(23514)"))
        default: #expect(outcome.isDelivered, "\(outcome.text)")
        }
      }
    }
    #expect(try server.query("select count(*) from picky") == "48")
  }

  @Test func `a table that is dropped is made again, and one that does not fit refuses`() async throws {
    let (server, dispatch) = try started()
    defer { dispatch.stop() }
    let destination = try table("dropped")
    #expect(await dispatch.deliver(destination).isDelivered)
    try server.query("drop table dropped")
    #expect(await dispatch.deliver(destination).isDelivered)
    try server.query("drop table dropped; create table dropped (message_id text primary key)")
    #expect(await dispatch.deliver(destination).text.hasPrefix("refused: table dropped: PostgreSQL says: column"))
    #expect(await dispatch.deliver(try table("no.such.table")).failure?.kind == .refused)
    #expect(await dispatch.deliver(try table("nowhere.outbox")).text.hasSuffix("(3F000)"))
  }

  @Test func `a server that is stopped, killed or not there is unavailable, and is found back`() async throws {
    let server = try PostgresServer()
    let dispatch = Dispatch()
    defer {
      dispatch.stop()
      server.stop()
    }
    dispatch.set("DB", server.url)
    let destination = try table("back")
    #expect(await dispatch.deliver(destination).isDelivered)
    for end in [server.stop, server.kill] {
      end()
      let outcome = await dispatch.deliver(destination)
      #expect(outcome.failure?.kind == .unavailable)
      // What the system says depends on how far the server's end has come.
      #expect(
        ["Connection refused", "server closed the connection"].contains { outcome.text.contains($0) }, "\(outcome)")
      #expect(!outcome.text.contains("moondance@") && !outcome.text.contains("127.0.0.1"))
      try server.start()
      #expect(await dispatch.deliver(destination).isDelivered)
    }
    #expect(try server.query("select count(*) from back") == "3")
    // A restart between two messages is not even noticed.
    server.stop()
    try server.start()
    #expect(await dispatch.deliver(destination).isDelivered)
  }

  // MARK: locks

  /// Runs statements in a session of its own, until they take the advisory lock of this number, and goes on while they do.
  private func run(_ statements: String, taking lock: Int, on server: PostgresServer) throws {
    Thread { _ = try? server.query(statements) }.start()
    try Program.wait(for: "lock \(lock)") { try isTaken(lock, on: server) }
  }

  private func isTaken(_ lock: Int, on server: PostgresServer) throws -> Bool {
    try server.query("select count(*) from pg_locks where locktype = 'advisory' and objid = \(lock)") == "1"
  }

  @Test func `a transaction that waits for a lock ends in time, and others go on`() async throws {
    let (server, dispatch) = try started()
    defer { dispatch.stop() }
    let destination = try table("locked", timeout: 1_000_000)
    #expect(await dispatch.deliver(dispatch.attempt(destination)).isDelivered)
    defer { _ = try? server.query("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'") }
    // Has the row of the second message until the test ends it.
    let row = "('\(Dispatch.idPrefix)2', 2, '', '', null, '{}', now())"
    try run(
      "begin; insert into locked values \(row); select pg_advisory_lock(7); select pg_sleep(600)", taking: 7, on: server
    )
    // Looks from within the server and ends when it has seen the wait, however late this process looks for that.
    let watch = """
      select pg_advisory_lock(8); do $$ begin
        while not exists (select from pg_locks where not granted) loop perform pg_sleep(0.005); end loop;
      end $$
      """
    try run(watch, taking: 8, on: server)
    let second = UnderWay(of: dispatch.attempt(destination), by: dispatch)
    try Program.wait(for: "the wait") { try !isTaken(8, on: server) }
    // The other thread of the lane takes what comes while the first one waits.
    #expect(await dispatch.deliver(dispatch.attempt(destination)).isDelivered)
    try Program.wait(for: "its end") { second.end != nil }
    let (outcome, took) = try #require(second.end)
    #expect(outcome.failure?.kind == .unavailable, "\(outcome.text)")
    #expect(took < Slowness.stretch(.seconds(3)))
  }

  /// A delivery that is under way from now on, and whose time is taken when it ends: neither waits for a thread of the
  /// tests, which those of other suites may have.
  private final class UnderWay: Sendable {
    private let ended = Mutex<(outcome: DeliveryOutcome, took: Duration)?>(nil)

    var end: (outcome: DeliveryOutcome, took: Duration)? { ended.withLock { $0 } }

    init(of attempt: DeliveryAttempt, by dispatch: Dispatch) {
      let start = ContinuousClock.now
      dispatch.courier.deliver(attempt) { outcome in
        self.ended.withLock { $0 = (outcome, ContinuousClock.now - start) }
      }
    }
  }

  @Test func `no part of a connection string is in a sentence`() async throws {
    let (server, dispatch) = try started()
    defer { dispatch.stop() }
    let texts = [
      "postgres://moondance:pass%20word@127.0.0.1:\(server.port)/secretdb",
      "host=127.0.0.1 port=\(server.port) user=moondance password='it is a secret' dbname=secretdb",
      "postgres://moondance:password@127.0.0.1:1/secretdb",
      "host=127.0.0.1 nonsense=secretvalue", "postgres://secrethost.invalid/secretdb", "hostname secretdb",
    ]
    for text in texts {
      dispatch.set("DB", text)
      let outcome = await dispatch.deliver(try table("t"))
      #expect(outcome.failure?.kind == .unavailable || outcome.text.hasSuffix("(3D000)"))
      for word in ["secret", "pass", "127.0.0.1", "moondance"] {
        #expect(!outcome.text.contains(word), "\(outcome.text)")
      }
    }
    dispatch.set("DB", nil)
    #expect(await dispatch.deliver(try table("t")).text == "unavailable: DB is not set in the daemon's environment")
    #expect(await dispatch.deliver(try table("t", "host={key}")).failure?.kind == .impossible)
  }
}
