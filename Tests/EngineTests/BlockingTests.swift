import Events
import LogStorage
import TestKit
import Testing

@testable import Engine

@Suite("A failure stops its own key and nothing else")
struct BlockingTests {
  /// Fails while `data.until` is in the future of the event's own clock.
  static let patient = """
    consumer "patient" {
      retry = { attempts = 3, first = "200ms", factor = 2, cap = "5m", jitter = 0 },
      on = { Work = function(event)
        if event.data.fails then error("not now") end
        emit("Done", { n = event.data.n })
      end },
    }
    """

  private func fixing(_ source: String) -> String {
    source.replacing("if event.data.fails then error(\"not now\") end", with: "")
  }

  @Test func `followers of a failed key wait without being run, other keys flow`() throws {
    let world = try World(scripts: ["a.lua": Self.patient])
    world.emit("Work", "a", #"{"n":1,"fails":true}"#)
    world.emit("Work", "a", #"{"n":2}"#)
    world.emit("Work", "b", #"{"n":3}"#)
    try world.settle()
    world.emit("Work", "a", #"{"n":4}"#)
    world.emit("Work", "c", #"{"n":5}"#)
    try world.settle()
    #expect(try world.events(type: "Done").map(\.data) == [#"{"n":3}"#, #"{"n":5}"#])
    #expect(world.reader("patient")?.blockedKeys == 1)
    #expect(world.reader("patient")?.queued == 3)
  }

  @Test func `a blocked key is tried again on its schedule, and after the last attempt it is a dead letter`() throws {
    let world = try World(scripts: ["a.lua": Self.patient])
    world.emit("Work", "a", #"{"n":1,"fails":true}"#)
    try world.settle()
    #expect(world.failures.map(\.attempt) == [1])
    world.clock.advance(microseconds: 199_000)
    try world.settle()
    #expect(world.failures.count == 1)
    world.clock.advance(microseconds: 1_001)
    try world.settle()
    #expect(world.failures.map(\.attempt) == [1, 2])
    world.clock.advance(microseconds: 400_001)
    try world.settle()
    #expect(world.failures.map(\.attempt) == [1, 2, 3])
    #expect(world.failures.last?.disposition == .deadAndBlocking)
    world.clock.advance(microseconds: 3_600_000_000)
    try world.settle()
    #expect(world.failures.count == 3)
    #expect(world.reader("patient")?.deadLetters == 1)
  }

  @Test func `fail goes straight to the dead letters`() throws {
    let world = try World(scripts: [
      "a.lua": #"consumer "strict" { on = { Work = function(event) pcall(fail, "never") end } }"#
    ])
    world.emit("Work", "a")
    try world.settle()
    #expect(world.failures.map(\.disposition) == [.deadAndBlocking])
    #expect(world.failures.first?.kind == .refused)
    #expect(world.failures.first?.message.contains("never") == true)
  }

  @Test func `with skip the followers of a dead letter go on by themselves`() throws {
    let world = try World(scripts: [
      "a.lua": """
      consumer "skipping" {
        retry = false, exhausted = "skip",
        on = { Work = function(event)
          if event.data.fails then error("no") end
          emit("Done", { n = event.data.n })
        end },
      }
      """
    ])
    world.emit("Work", "a", #"{"n":1,"fails":true}"#)
    world.emit("Work", "a", #"{"n":2}"#)
    world.emit("Work", "a", #"{"n":3}"#)
    try world.settle()
    #expect(try world.events(type: "Done").map(\.data) == [#"{"n":2}"#, #"{"n":3}"#])
    #expect(world.reader("skipping")?.deadLetters == 1)
    #expect(world.reader("skipping")?.blockedKeys == 0)
  }

  @Test func `new code is tried at once, in the key's order, and dead letters wait for an operator`() throws {
    let world = try World(scripts: ["a.lua": Self.patient])
    world.emit("Work", "a", #"{"n":1,"fails":true}"#)
    world.emit("Work", "a", #"{"n":2}"#)
    world.emit("Work", "a", #"{"n":3}"#)
    try world.settle()
    try world.deploy(["a.lua": fixing(Self.patient)])
    try world.settle()
    #expect(try world.events(type: "Done").map(\.data) == [#"{"n":1}"#, #"{"n":2}"#, #"{"n":3}"#])
    #expect(world.reader("patient")?.blockedKeys == 0)
    #expect(world.reader("patient")?.queued == 0)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `the schedule and the queue survive a restart`() throws {
    let fileSystem = MemoryFileSystem()
    let clock = ManualClock()
    do {
      let world = try World(scripts: ["a.lua": Self.patient], fileSystem: fileSystem, clock: clock)
      world.emit("Work", "a", #"{"n":1,"fails":true}"#)
      world.emit("Work", "a", #"{"n":2}"#)
      try world.settle()
    }
    fileSystem.restart(losing: .everything)
    let world = try World(scripts: ["a.lua": Self.patient], fileSystem: fileSystem, clock: clock)
    try world.settle()
    #expect(world.reader("patient")?.queued == 2)
    clock.advance(microseconds: 200_001)
    try world.settle()
    #expect(world.failures.map(\.attempt) == [2])
  }

  @Test func `events without a subject do not wait for each other`() throws {
    let world = try World(scripts: ["a.lua": Self.patient])
    world.emit("Work", "", #"{"n":1,"fails":true}"#)
    world.emit("Work", "", #"{"n":2}"#)
    try world.settle()
    #expect(try world.events(type: "Done").map(\.data) == [#"{"n":2}"#])
  }

  @Test func `a handler sees no key of an event that goes by itself`() throws {
    let source = """
      consumer "c" { KEY on = { Work = function(event) emit("Done", { key = event.key or "none" }) end } }
      """
    for key in ["", "key = \"data.k\","] {
      let world = try World(scripts: ["a.lua": source.replacing("KEY", with: key)])
      world.emit("Work", "", #"{"k":""}"#)
      world.emit("Work", "s", #"{"k":"s"}"#)
      try world.settle()
      #expect(try world.events(type: "Done").map(\.data) == [#"{"key":"none"}"#, #"{"key":"s"}"#])
    }
  }

  @Test func `events with an empty key do not wait for each other`() throws {
    let world = try World(scripts: [
      "a.lua": Self.patient.replacing("retry", with: "key = function(event) return \"\" end, retry")
    ])
    world.emit("Work", "x", #"{"n":1,"fails":true}"#)
    world.emit("Work", "x", #"{"n":2}"#)
    try world.settle()
    #expect(try world.events(type: "Done").map(\.data) == [#"{"n":2}"#])
  }

  @Test func `a key that cannot be computed blocks its own event only`() throws {
    let source = """
      consumer "keyed" {
        key = function(event) return event.data.order.id end,
        on = { Work = function(event) emit("Done", {}, { subject = event.data.order.id }) end },
      }
      """
    let world = try World(scripts: ["a.lua": source])
    world.emit("Work", "x", "{}")
    world.emit("Work", "x", #"{"order":{"id":"o-1"}}"#)
    try world.settle()
    #expect(try world.events(type: "Done").map(\.subject) == ["o-1"])
    #expect(world.reader("keyed")?.blockedKeys == 1)
    try world.deploy([
      "a.lua": source.replacing("return event.data.order.id", with: #"return (event.data.order or { id = "none" }).id"#)
        .replacing(#"{ subject = event.data.order.id }"#, with: #"{ subject = "fixed" }"#)
    ])
    try world.settle()
    #expect(try world.events(type: "Done").map(\.subject) == ["o-1", "fixed"])
    #expect(world.reader("keyed")?.blockedKeys == 0)
    #expect(try world.foldFromNothing() == world.core.control)
  }
}
