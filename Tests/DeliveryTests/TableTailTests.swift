import Engine
import Foundation
import Platform
import ServerKit
import TestKit
import Testing

@testable import Delivery

/// Transactional outboxes in a real PostgreSQL.
@Suite(.enabled(if: PostgresServer.isInstalled, Comment(rawValue: PostgresServer.missing)), .serialized)
struct TableTailTests {
  private static let table = """
    create table outbox (id bigserial primary key, type text not null, subject text, data jsonb not null,
      created_at timestamptz not null default now(), headers jsonb, failed text);
    create table orders (id text primary key, note text);
    create table ledger (entry text)
    """

  private static let scripts = #"source "shop" { postgres = env "DB", table = "outbox", every = "200ms" }"#

  private func run(
    _ scripts: String = scripts, table: String = table, _ body: (PostgresServer, IntakeWorld) async throws -> Void
  ) async throws {
    let server = try PostgresServer()
    if !table.isEmpty { try server.query(table) }
    let folder = TemporaryFolder()
    let world = try await IntakeWorld(scripts, in: folder, environment: ["DB": server.url])
    try await body(server, world)
    try await world.stop()
    #expect(!world.told.contains { $0.contains("moondance@") })
  }

  private func count(_ server: PostgresServer) throws -> String { try server.query("select count(*) from outbox") }

  @Test func `a row is an event with all it says, and is gone when it is durable`() async throws {
    try await run { (server, world) async throws in
      try server.query(
        """
        insert into outbox (type, subject, data, created_at, headers) values
        ('OrderPlaced', 'o-1', '{"n": 1, "t": "ä\\"\\\\"}', '2026-01-01T12:00:00.5+02', '{"correlationid": "c-7"}'),
        ('Note', null, '[1, 2]', default, null)
        """)
      try await world.wait(for: "the rows") { try count(server) == "0" }
      let events = try world.events()
      #expect(events.map(\.type) == ["OrderPlaced", "Note"] && events.map(\.subject) == ["o-1", ""])
      #expect(events.map(\.id) == ["1", "2"] && events.map(\.source) == ["shop", "shop"])
      #expect(events.map(\.data) == [#"{"n": 1, "t": "ä\"\\"}"#, "[1, 2]"])
      let status = await world.status("shop")
      #expect(status?.state == "running" && status?.received == 2 && status?.error == nil)
    }
  }

  @Test func `a row of an earlier id that is committed later is not lost`() async throws {
    try await run { (server, world) async throws in
      let locks = "select count(*) from pg_locks where locktype = 'advisory' and"
      // On threads of their own: they would hold up the tasks that have to see them.
      async let holder = NamedThread.run(name: "holder") {
        Result { try server.query("select pg_advisory_lock(7); select pg_sleep(5)") }
      }
      try await world.wait(for: "the lock") { try server.query("\(locks) granted") == "1" }
      async let late = NamedThread.run(name: "late") {
        Result {
          try server.query(
            """
            begin; insert into outbox (type, subject, data) values ('Late', 's', '{}');
            select pg_advisory_lock(7); commit
            """)
        }
      }
      try await world.wait(for: "the open transaction") { try server.query("\(locks) not granted") == "1" }
      try server.query("insert into outbox (type, subject, data) values ('Early', 's', '{}')")
      try await world.wait(for: "the row that is committed") { try count(server) == "0" }
      #expect(try world.events().map(\.id) == ["2"])
      try await world.wait(for: "both rows") { try world.events().count == 2 }
      _ = try await (late.get(), holder.get())
      #expect(try world.events().map(\.id) == ["2", "1"])
    }
  }

  @Test(.timeLimit(.minutes(3)))
  func `many writers, rolled back now and then, while the server is killed: exactly what was committed, in order`()
    async throws
  {
    try await run { (server, world) async throws in
      let writers = 6
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<writers {
          group.addTask {
            for number in 0..<25 {
              let end = number % 5 == 4 ? "rollback" : "commit"
              // The row of the order serialises the writers of a subject, as an application's own tables do.
              let subject = "s\((writer + number) % 4)"
              _ = try? server.query(
                """
                begin; insert into orders values ('\(subject)', '') on conflict (id) do update set note = '';
                insert into outbox (type, subject, data) values ('T', '\(subject)', '"\(writer)-\(number)"');
                insert into ledger values ('"\(writer)-\(number)"');
                \(end)
                """)
            }
          }
        }
        group.addTask {
          for _ in 0..<3 {
            try await Task.sleep(for: .milliseconds(300))
            server.kill()
            try server.start()
          }
        }
        try await group.waitForAll()
      }
      try await world.wait(for: "an empty table") { try count(server) == "0" }
      let events = try world.events()
      // Not every transaction came through; whoever did is in the ledger.
      let committed = try server.query("select entry from ledger").split(separator: "\n").map(String.init)
      #expect(events.map(\.data).sorted() == committed.sorted() && !events.isEmpty)
      #expect(Set(events.map(\.id)).count == events.count)
      for subject in Set(events.map(\.subject)) {
        let ids = events.filter { $0.subject == subject }.compactMap { Int($0.id) }
        #expect(ids == ids.sorted(), "\(subject)")
      }
    }
  }

  @Test func `what is no event waits with its subject, noted in the table, and others go on`() async throws {
    let scripts = "contract \"T\" { schema = { n = \"number\" } }\n" + Self.scripts
    try await run(scripts) { (server, world) async throws in
      try server.query(
        """
        insert into outbox (type, subject, data) values ('T', 'a', '{"n": "x"}'), ('T', 'a', '{"n": 2}'),
          ('T', 'b', '{"n": 3}'), ('no type', null, '{}'), ('T', 'c', '{"n": 4}')
        """)
      try await world.wait(for: "the good rows") { try count(server) == "3" }
      #expect(try world.events().map(\.subject) == ["b", "c"])
      try await world.wait(for: "the notes") {
        try server.query("select count(*) from outbox where failed is not null") == "2"
      }
      #expect(
        try server.query("select failed from outbox where id = 1")
          .hasPrefix("the contract of T is broken: data.n"))
      let status = await world.status("shop")
      #expect(status?.failed == 2 && status?.lag == 3)
      #expect(status?.error?.contains("row 1 is no event") == true, "\(String(describing: status))")
      // Mended, and tried again at once since the scripts change.
      try server.query("update outbox set data = '{\"n\": 1}' where id = 1; delete from outbox where type = 'no type'")
      try await world.deploy(scripts + "\n-- mended")
      try await world.wait(for: "the rows that waited") { try count(server) == "0" }
      #expect(try world.events().filter { $0.subject == "a" }.map(\.id) == ["1", "2"])
      try await world.wait(for: "a good status") { await world.status("shop")?.error == nil }
    }
  }

  @Test func `an id that is used twice is refused and the row stays`() async throws {
    try await run { (server, world) async throws in
      try server.query("insert into outbox (id, type, subject, data) values (7, 'T', 'a', '1')")
      try await world.wait(for: "the first") { try count(server) == "0" }
      try server.query(
        "insert into outbox (id, type, subject, data) values (6, 'T', 'b', '1'), (7, 'T', 'a', '2'), (8, 'T', 'c', '3')"
      )
      try await world.wait(for: "the others") { try world.events().count == 3 }
      try await world.wait(for: "the note") {
        try server.query("select failed from outbox").contains("another event has its id")
      }
      // The same row again is the same event.
      try server.query("update outbox set data = '1'")
      try await world.deploy(Self.scripts + "\n")
      try await world.wait(for: "an empty table") { try count(server) == "0" }
      #expect(try world.events().count == 3)
      #expect(await world.status("shop")?.duplicates == 1)
    }
  }

  @Test func `marked rows stay, and columns may have other names`() async throws {
    let table = """
      create schema shop; create table shop.events (nr uuid primary key default gen_random_uuid(), at serial, kind text,
        about text, body json, done_at timestamptz)
      """
    let scripts = #"""
      source "shop" { postgres = env "DB", table = "shop.events", done = "mark", batch = 3,
        columns = { id = "nr", order = "at", type = "kind", subject = "about", data = "body" } }
      """#
    try await run(scripts, table: table) { (server, world) async throws in
      try server.query(
        "insert into shop.events (kind, about, body) select 'T', 's', to_json(n) from generate_series(1, 10) n")
      try await world.wait(for: "marks") {
        try server.query("select count(*) from shop.events where done_at is null") == "0"
      }
      #expect(try world.events().map(\.data) == (1...10).map { "\($0)" })
      #expect(try server.query("select count(*) from shop.events") == "10")
    }
  }

  @Test func `a notification wakes at once`() async throws {
    try await run(Self.scripts.replacing("200ms", with: "1h")) { (server, world) async throws in
      try await world.wait(for: "the connection") { await world.status("shop")?.state == "running" }
      try server.query("insert into outbox (type, subject, data) values ('T', 's', '1'); notify outbox")
      try await world.wait(for: "the event", seconds: 10) { try count(server) == "0" }
    }
  }

  @Test func `a table that is not as it should be is told, and taken once it is`() async throws {
    try await run(table: "") { (server, world) async throws in
      try await world.wait(for: "the complaint") {
        await world.status("shop")?.error?.contains("there is no table outbox") == true
      }
      try server.query("create table outbox (id bigserial, type text, data jsonb)")
      try await world.wait(for: "the complaint") {
        await world.status("shop")?.error?.contains("has no column \"subject\"") == true
      }
      try server.query("alter table outbox add subject text; insert into outbox (type, data) values ('T', '1')")
      try await world.wait(for: "the row") { try count(server) == "0" }
    }
  }

  @Test func `rows that were appended and not taken away are known again after a crash`() async throws {
    let server = try PostgresServer()
    try server.query(Self.table)
    let folder = TemporaryFolder()
    try server.query("insert into outbox (type, subject, data) values ('T', 's', '1'), ('T', 's', '2')")
    try server.query("create table kept as select * from outbox")
    for round in 0..<3 {
      let world = try await IntakeWorld(Self.scripts, in: folder, environment: ["DB": server.url])
      try await world.wait(for: "an empty table") { try count(server) == "0" }
      #expect(try world.events().map(\.id) == ["1", "2"])
      #expect(await world.status("shop")?.duplicates == (round == 0 ? 0 : 2))
      try await world.stop()
      // As if the daemon had been killed between the two.
      try server.query("insert into outbox select * from kept")
    }
  }
}
