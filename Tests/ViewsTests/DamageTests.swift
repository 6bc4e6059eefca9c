import Events
import Foundation
import LogStorage
import Platform
import TestKit
import Testing

@testable import Views

/// Faults 71–74, and crashes between transactions.
@Suite struct `views.db` {
  private static let source = ordersSource

  private static func filled() async throws -> ViewWorld {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(source)
    for number in 0..<50 { try await world.emit((0..<40).map { "ItemPicked k\(($0 + number) % 100) {}" }) }
    try await world.settle()
    return world
  }

  private static func total(_ world: ViewWorld) throws -> Int {
    try world.documents("orders").values.reduce(0) { $0 + (Int($1.dropFirst(10).dropLast()) ?? 0) }
  }

  @Test(arguments: [
    "deleted", "emptied", "random bytes", "another version", "another log", "without its tables", "not ours",
  ])
  func `that cannot be gone on with is made anew, and that is said (faults 71, 72)`(how: String) async throws {
    let world = try await Self.filled()
    try await world.restart { path in
      let files = FileManager.default
      switch how {
      case "deleted": try files.removeItem(atPath: path)
      case "emptied": try Data().write(to: URL(filePath: path))
      case "random bytes":
        try files.removeItem(atPath: path)
        try Data((0..<40_000).map { _ in UInt8.random(in: 0...255) }).write(to: URL(filePath: path))
      case "another version": _ = try ViewWorld.sqlite(path, "PRAGMA user_version = 7")
      case "another log": _ = try ViewWorld.sqlite(path, "UPDATE moondance_meta SET value = 'x' WHERE name = 'log'")
      case "without its tables": _ = try ViewWorld.sqlite(path, "DROP TABLE orders")
      default:
        try files.removeItem(atPath: path)
        _ = try ViewWorld.sqlite(path, "CREATE TABLE mine(a); INSERT INTO mine VALUES (1)")
      }
    }
    try await world.deploy(Self.source)
    try await world.emit("ItemPicked k1 {}")
    try await world.settle()
    #expect(try Self.total(world) == 2001)
    // A file that is simply not there has nothing to be said about.
    if how != "deleted", how != "emptied" {
      #expect(world.notes.all.contains { $0.contains("folded again from the start") }, "\(world.notes.all)")
    }
    try await world.stop()
  }

  @Test func `with a damaged page in the middle is made anew as soon as that is met`() async throws {
    let world = try await Self.filled()
    try await world.restart { path in
      // Every page but the first, which says what kind of file it is.
      let file = try FileHandle(forUpdating: URL(filePath: path))
      let size = try file.seekToEnd()
      for offset in stride(from: UInt64(4096), to: size, by: 4096) {
        try file.seek(toOffset: offset)
        try file.write(contentsOf: Data(repeating: 0xEE, count: 200))
      }
      try file.close()
    }
    try await world.deploy(Self.source)
    try await world.emit("ItemPicked k1 {}")
    try await world.settle()
    #expect(try Self.total(world) == 2001)
    try await world.stop()
  }

  @Test func `is not made for scripts without projections, and is made with the first`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy("consumer \"c\" { on = { A = function() end } }")
    try await world.emit("A a {}")
    #expect(try world.views.list().isEmpty)
    #expect(!FileManager.default.fileExists(atPath: world.database))
    try await world.deploy(Self.source)
    try await world.emit("ItemPicked k1 {}")
    try await world.settle()
    #expect(try Self.total(world) == 1)
    try await world.deploy("consumer \"c\" { on = { A = function() end } }")
    #expect(try world.views.list().isEmpty)
    // What is left of the projection goes when the file is opened again.
    try await world.restart()
    try await world.deploy("consumer \"c\" { on = { A = function() end } }")
    #expect(try world.sqlite("SELECT name FROM sqlite_master WHERE name = 'orders'") == "")
    try await world.stop()
  }

  @Test func `that is deleted while it is open is made anew`() async throws {
    let world = try await Self.filled()
    for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: world.database + suffix) }
    try await world.emit("ItemPicked k1 {}")
    try await world.settle()
    #expect(try Self.total(world) == 2001)
    // Fifty times forty keys, each time one further: k0 to k88.
    #expect(try world.sqlite("SELECT count(*) FROM orders") == "89")
    #expect(world.notes.all.contains { $0.contains("has been deleted") })
    try await world.stop()
  }

  @Test func `that another process has locked waits, says so, and goes on (fault 73)`() async throws {
    let world = try await Self.filled()
    let other = try RunningProgram("/usr/bin/sqlite3", [world.database], input: .written)
    try other.write("BEGIN IMMEDIATE;\nSELECT 1;\n")
    try await eventually {
      (try? world.sqlite("BEGIN IMMEDIATE; ROLLBACK;")) == nil ? nil : "not locked yet"
    }
    try await world.emit("ItemPicked k1 {}")
    try await eventually { try world.status("orders").state == .waiting ? nil : "\(try world.status("orders"))" }
    // Who only reads is not disturbed.
    #expect(try Self.total(world) == 2000)
    try other.write("ROLLBACK;\n.quit\n")
    try other.wait()
    try await world.settle()
    #expect(try Self.total(world) == 2001)
    #expect(world.notes.all.contains("error: the views wait: another process has locked views.db"))
    try await world.stop()
  }

  @Test func `that is ahead of the log refuses it (fault 74)`() async throws {
    let world = try await Self.filled()
    await world.stopViews()
    let (path, folder) = (world.database, world.folder)
    let claim = try #require(ViewClaim.of(path))
    #expect(claim.position == 2000 && claim.who == path)
    _ = try ViewWorld.sqlite(path, "UPDATE moondance_projections SET position = 99999")
    let ahead = try #require(ViewClaim.of(path))
    try await world.stop()
    let error = #expect(throws: LogError.self) { try ViewWorld(in: folder, claims: [ahead]) }
    #expect(error?.code == .behind && error?.message.contains("views.db has seen position 99999") == true)
    // Of another log it says nothing.
    var foreign = ahead
    foreign.log = LogID(high: 1, low: 2)
    let again = try ViewWorld(in: folder, claims: [foreign])
    try await again.stop()
    #expect(ViewClaim.of(folder.path + "/nothing.db") == nil)
    try Data("no database".utf8).write(to: URL(filePath: folder.path + "/broken.db"))
    #expect(ViewClaim.of(folder.path + "/broken.db") == nil)
  }

  /// What a crash leaves is some prefix of the transactions: here every one of them, copied while it stood.
  @Test func `as it is after any transaction agrees with its position, and is gone on with`() async throws {
    let world = try ViewWorld()
    world.start()
    let scripts = try await world.deploy(Self.source)
    var copies: [(path: String, folder: TemporaryFolder)] = []
    for number in 0..<12 {
      try await world.emit((0..<30).map { "ItemPicked k\(($0 * 7 + number) % 20) {}" })
      if number % 3 == 1 { try await world.emit("OrderDropped k\(number) {}", #"Bad k0 {"n":1}"#) }
      // Wherever the thread is now: between two transactions or within one.
      let folder = TemporaryFolder()
      let copy = folder.path + "/views.db"
      for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: world.database + suffix) {
        try FileManager.default.copyItem(atPath: world.database + suffix, toPath: copy + suffix)
      }
      copies.append((copy, folder))
    }
    try await world.settle()
    let end = try world.documents("orders")
    for (path, folder) in copies {
      guard try ViewWorld.sqlite(path, "SELECT count(*) FROM sqlite_master WHERE name = 'orders'") == "1" else {
        continue
      }
      let position = try #require(UInt64(try ViewWorld.sqlite(path, "SELECT position FROM moondance_projections")))
      let rows = try ViewWorld.sqlite(path, "SELECT key || document FROM orders ORDER BY key")
      let past = try world.views.page(
        of: "orders", ViewQuery(), at: .position(position), durable: world.durable)
      #expect(rows == past.page.documents.map { $0.key + $0.text }.joined(separator: "\n"), "at \(position)")
      try await world.restart { database in
        try ViewDatabase.delete(path: database)
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: path + suffix) {
          try FileManager.default.copyItem(atPath: path + suffix, toPath: database + suffix)
        }
      }
      await world.views.deploy(scripts)
      try await world.settle()
      #expect(try world.documents("orders") == end)
      _ = folder
    }
    try await world.stop()
  }
}
