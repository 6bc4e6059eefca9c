import Events
import LogStorage
import Platform
import Scripts
import TestKit
import Testing

@testable import Engine

@Suite("Generations")
struct DeployTests {
  private func consumer(_ name: String, _ type: String, emits effect: String) -> String {
    "consumer \"\(name)\" { on = { \(type) = function(event) emit(\"\(effect)\", {}) end } }"
  }

  @Test func `a deploy is in the log with its sources, once per content`() throws {
    let world = try World(scripts: ["a.lua": consumer("one", "Ping", emits: "Pong")])
    #expect(world.core.control.generation == 1)
    #expect(world.core.control.sources.count == 1)
    try world.deploy(["a.lua": consumer("one", "Ping", emits: "Pong"), "b.lua": consumer("two", "Ping", emits: "Pang")])
    #expect(world.core.control.generation == 2)
    #expect(world.core.control.sources.count == 2)
    #expect(world.core.control.files.map(\.path) == ["a.lua", "b.lua"])
  }

  @Test func `equal files make no deploy`() throws {
    let files = ["a.lua": consumer("one", "Ping", emits: "Pong")]
    let world = try World(scripts: files)
    let outcome = try world.deploy(files)
    guard case .loaded(generation: 1, isNew: false, warnings: _)? = outcome else {
      return #expect(Bool(false), "\(String(describing: outcome))")
    }
    #expect(world.opened.reader.lastCommit == 1)
  }

  @Test func `a batch that is out commits under the generation it began with`() throws {
    let world = try World(scripts: ["a.lua": consumer("one", "Ping", emits: "Old")])
    world.emit("Ping", "s-1")
    try world.turn()
    try world.deploy(["a.lua": consumer("one", "Ping", emits: "New")])
    world.emit("Ping", "s-2")
    try world.settle()
    let effects = try world.events().filter { $0.type != "Ping" }
    #expect(effects.map(\.type) == ["Old", "New"])
    #expect(effects.map(\.generation) == [1, 2])
  }

  @Test func `a reader that disappears keeps its place and resumes there`() throws {
    let files = ["a.lua": consumer("one", "Ping", emits: "Pong"), "b.lua": consumer("two", "Other", emits: "Else")]
    let world = try World(scripts: files)
    world.emit("Ping", "s-1")
    try world.settle()
    try world.deploy(["b.lua": files["b.lua"]!])
    #expect(world.reader("one")?.state == "removed")
    world.emit("Ping", "s-2")
    try world.settle()
    #expect(try world.events(type: "Pong").count == 1)
    let outcome = try world.deploy(files)
    guard case .loaded(_, _, let warnings)? = outcome else {
      return #expect(Bool(false), "\(String(describing: outcome))")
    }
    #expect(warnings.contains { $0.contains("one is back") })
    try world.settle()
    #expect(try world.events(type: "Pong").count == 2)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a consumer that hears a new type gets it from the deploy on`() throws {
    let world = try World(scripts: ["a.lua": consumer("one", "Ping", emits: "Pong")])
    world.emit("Bell", "s-1")
    try world.settle()
    try world.deploy(["a.lua": consumer("one", "Bell", emits: "Heard")])
    world.emit("Bell", "s-2")
    try world.settle()
    #expect(try world.events(type: "Heard").map(\.subject) == ["s-2"])
  }

  @Test func `the same holds when the host was killed and comes back with the new scripts`() throws {
    let fileSystem = MemoryFileSystem()
    do {
      let world = try World(scripts: ["a.lua": consumer("one", "Ping", emits: "Pong")], fileSystem: fileSystem)
      world.emit("Bell", "s-1")
      try world.settle()
    }
    fileSystem.restart(losing: .everything)
    let world = try World(fileSystem: fileSystem)
    let scripts = try Generation.load([
      SourceFile(path: "a.lua", text: consumer("one", "Bell", emits: "Heard"))
    ]).get()
    let cursors = try world.core.control.cursorsPassingUnheard(with: scripts, in: world.opened.reader)
    #expect(cursors == ["one": 1])
    world.put(.deploy(DeployJob(scripts: scripts, passed: cursors) { _, _ in }))
    try world.settle()
    world.emit("Bell", "s-2")
    try world.settle()
    #expect(try world.events(type: "Heard").map(\.subject) == ["s-2"])
  }

  @Test func `another key is refused while keys of the old one are blocked`() throws {
    let world = try World(scripts: [
      "a.lua": #"consumer "one" { on = { Ping = function(event) error("no") end } }"#
    ])
    world.emit("Ping", "s-1")
    try world.settle()
    let outcome = try world.deploy([
      "a.lua": #"consumer "one" { key = "data.order", on = { Ping = function(event) end } }"#
    ])
    guard case .refused(let errors)? = outcome else { return #expect(Bool(false), "\(String(describing: outcome))") }
    #expect(errors.first?.contains("another key than before") == true)
    #expect(world.core.control.generation == 1)
  }

  @Test func `a deploy that finds the disk full goes live when there is room`() throws {
    let world = try World(scripts: ["a.lua": consumer("one", "Ping", emits: "Old")])
    world.fileSystem.inject { $0.operation == .write && $0.path.contains("log/") ? .fail(28) : nil }
    #expect(try world.deploy(["a.lua": consumer("one", "Ping", emits: "New")]) == nil)
    #expect(world.core.control.generation == 1)
    world.fileSystem.inject(nil)
    world.clock.advance(microseconds: 1_000_000)
    try world.settle()
    #expect(world.core.control.generation == 2)
  }

  @Test func `a consumer that began at a time is not thrown back to it when it hears more`() throws {
    func source(_ extra: String) -> String {
      #"consumer "one" { from = "2026-01-01", on = { Ping = function() emit("Pong", {}) end \#(extra) } }"#
    }
    func deploy(_ extra: String, in world: World) throws {
      let scripts = try Generation.load([SourceFile(path: "a.lua", text: source(extra))]).get()
      world.put(.deploy(DeployJob(scripts: scripts, starts: ["one": 0]) { _, _ in }))
      try world.settle()
    }
    let world = try World()
    try deploy("", in: world)
    world.emit("Ping", "s-1")
    try world.settle()
    try deploy(", Bell = function() end", in: world)
    #expect(try world.events(type: "Pong").count == 1)
  }

  @Test func `a deploy that repeats one which is not durable yet is answered with it`() throws {
    let files = ["a.lua": consumer("one", "Ping", emits: "Pong")]
    let world = try World()
    let first = try world.put(files)
    try world.turn()
    let second = try world.put(files)
    try world.turn()
    #expect(first.value == nil && second.value == nil)
    world.sync()
    try world.turn()
    #expect(first.value != nil && second.value != nil)
  }

  @Test func `a failure that comes in with a deploy says nothing about the new code`() throws {
    let failing =
      #"consumer "one" { retry = { attempts = 2, first = "1s" }, on = { Ping = function() error("no") end } }"#
    let world = try World(scripts: ["a.lua": failing])
    world.emit("Ping", "s")
    try world.turn()
    world.work()
    _ = try world.put(["a.lua": failing + "\n-- other code"])
    try world.turn()
    try world.turn()
    #expect(world.failures.map(\.attempt) == [0])
    try world.settle()
    #expect(world.failures.map(\.attempt) == [0, 1])
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a consumer that was forgotten is not removed once more by every deploy`() throws {
    let world = try World(scripts: ["a.lua": consumer("one", "Ping", emits: "Pong")])
    try world.deploy(["b.lua": consumer("two", "Ping", emits: "Pong")])
    world.act(.forget, on: "one")
    try world.settle()
    try world.deploy(["c.lua": consumer("three", "Ping", emits: "Pong")])
    var changes: [ReaderChange] = []
    try world.opened.reader.replay(fromCommit: 1) { commit in
      for record in commit.records where record.kind == .reader {
        changes += ReaderChange(FieldReader(record: record.whole)).map { [$0] } ?? []
      }
      return true
    }
    #expect(changes.filter { $0.reader == 1 }.map(\.what) == [.created, .removed, .forgotten])
  }
}
