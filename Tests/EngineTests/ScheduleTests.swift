import Events
import Foundation
import LogStorage
import Platform
import Scripts
import TestKit
import Testing

@testable import Engine

/// The clock of these tests begins on 2024-07-03 at 09:46:40 UTC.
@Suite("Schedules")
struct ScheduleTests {
  private static let minute: Int64 = 60_000_000
  private static let hour = 60 * minute

  private static func time(_ text: String) -> Int64 { Timestamp.microseconds(text)! }

  /// What was made, as `TYPE SUBJECT DATA` at the time that it was due, and when that was committed.
  private struct Made: Equatable, CustomStringConvertible {
    var what: String
    var due: String
    var committed: String
    var description: String { "\(what) due \(due) at \(committed)" }
  }

  private static func text(_ time: Int64) -> String {
    var writer = ByteWriter(capacity: 32)
    Timestamp.write(time, into: &writer)
    return String(writer.bytes.text.dropFirst(11).prefix(8))
  }

  private func made(_ world: World) throws -> [Made] {
    var found: [Made] = []
    try world.opened.reader.replay(fromCommit: 1) { commit in
      for record in commit.records where record.takesPosition && commit.producer == .clock {
        let entry = record.entry
        #expect(entry.cause == 0 && entry.root == 0 && entry.depth == 0)
        found.append(
          Made(
            what: "\(entry.type.text) \(entry.subject.text) \(entry.data.text)",
            due: Self.text(Timestamp.microseconds(entry.attributes[.time]!)!), committed: Self.text(commit.time)))
      }
      return true
    }
    #expect(try world.foldFromNothing() == world.core.control)
    return found
  }

  /// Goes on with whatever is due on the way.
  private func advance(_ world: World, _ span: Int64) throws {
    let end = world.clock.wallMicroseconds() + span
    while let due = world.core.nextDue, due <= end {
      world.clock.advance(microseconds: max(0, due - world.clock.wallMicroseconds()))
      try world.settle()
    }
    world.clock.advance(microseconds: end - world.clock.wallMicroseconds())
    try world.settle()
  }

  private static func script(_ body: String) -> [String: String] {
    ["a.lua": "schedule \"tick\" { \(body) }"]
  }

  @Test func `a run is made when its time has come, and never before`() throws {
    let world = try World(scripts: Self.script(#"every = "1h", emit = "Ticked", data = { n = 1 }"#))
    try advance(world, 13 * Self.minute)
    #expect(try made(world) == [])
    #expect(world.core.nextDue == Self.time("2024-07-03T10:00:00Z"))
    try advance(world, 2 * Self.hour)
    #expect(
      try made(world) == [
        Made(what: "Ticked tick {\"n\":1}", due: "10:00:00", committed: "10:00:00"),
        Made(what: "Ticked tick {\"n\":1}", due: "11:00:00", committed: "11:00:00"),
      ])
    let schedule = try #require(world.status.schedules.first)
    #expect(schedule.next == Self.time("2024-07-03T12:00:00Z"))
    #expect(schedule.last?.time == Self.time("2024-07-03T11:00:00Z") && schedule.last?.position == 2)
  }

  @Test func `consumers hear it, and its claimed time is when it was due`() throws {
    var scripts = Self.script(#"cron = "0 12 * * *", zone = "Europe/Berlin", emit = "Noon", subject = "day""#)
    scripts["b.lua"] = """
      consumer "b" { on = { Noon = function(event) emit("Heard", { at = time.text(event.time), cause = event.cause }) end } }
      """
    let world = try World(scripts: scripts)
    world.clock.advance(microseconds: 30 * Self.minute)
    try world.settle()
    #expect(try world.events(type: "Heard").map(\.data) == ["{\"at\":\"2024-07-03T10:00:00Z\"}"])
    #expect(try world.events(type: "Heard").map(\.subject) == ["day"])
  }

  @Test func `several are made in the order of their times, in one commit`() throws {
    let world = try World(scripts: [
      "a.lua": """
      schedule "b" { every = "20m", emit = "B" }
      schedule "a" { every = "30m", emit = "A" }
      schedule "c" { every = "10m", emit = "C", missed = "all" }
      """
    ])
    world.clock.advance(microseconds: 15 * Self.minute)
    try world.settle()
    #expect(
      try made(world).map { "\($0.what) \($0.due)" } == [
        "C c {} 09:50:00", "A a {} 10:00:00", "B b {} 10:00:00", "C c {} 10:00:00",
      ])
    #expect(world.core.control.commit == 2)
  }

  // MARK: missed runs

  /// The host is away for a while, with the disk as a crash leaves it.
  private func away(_ scripts: [String: String], _ span: Int64, changed: [String: String]? = nil) throws -> World {
    let (files, clock) = (MemoryFileSystem(), ManualClock())
    do {
      let world = try World(scripts: scripts, fileSystem: files, clock: clock)
      try world.settle()
    }
    files.restart(losing: .everything)
    clock.advance(microseconds: span)
    let world = try World(scripts: changed ?? scripts, fileSystem: files, clock: clock)
    try world.settle()
    return world
  }

  @Test(arguments: [
    ("once", ["12:00:00"]), ("skip", []), ("all", ["10:00:00", "11:00:00", "12:00:00"]),
  ])
  func `what becomes of runs that were missed`(missed: String, due: [String]) throws {
    let scripts = Self.script("every = \"1h\", emit = \"T\", missed = \"\(missed)\"")
    let world = try away(scripts, 160 * Self.minute)
    #expect(try made(world).map(\.due) == due)
    #expect(try made(world).allSatisfy { $0.committed == "12:26:40" })
    // From here on as always.
    try advance(world, Self.hour)
    #expect(try made(world).map(\.due) == due + ["13:00:00"])
  }

  @Test func `a run that is hardly late is made, also with skip`() throws {
    let scripts = Self.script(#"every = "1h", emit = "T", missed = "skip""#)
    #expect(try made(try away(scripts, 14 * Self.minute)).map(\.due) == ["10:00:00"])
    #expect(try made(try away(scripts, 15 * Self.minute)).map(\.due) == [])
  }

  @Test func `a year of missed runs is made in bounded turns, each once`() throws {
    let scripts = Self.script(#"every = "12h", emit = "T", missed = "all""#)
    let world = try away(scripts, 365 * 24 * Self.hour)
    let made = try made(world)
    #expect(made.count == 730)
    #expect(world.core.control.commit == 1 + 3)
    let state = try #require(world.core.control.schedules[KeyBytes("tick")])
    #expect(state.last?.position == 730 && state.through == Self.time("2025-07-03T00:00:00Z"))
  }

  @Test func `a year of missed seconds is one run, found at once`() throws {
    let world = try away(Self.script(#"every = "1s", emit = "T""#), 365 * 24 * Self.hour)
    #expect(try made(world).map(\.due) == ["09:46:40"])
    let minutes = try away(Self.script(#"cron = "* * 3 1-7 *", emit = "T""#), 365 * 24 * Self.hour)
    #expect(try made(minutes).map(\.due) == ["09:46:00"])
  }

  @Test func `a run is made once wherever the power goes`() throws {
    let scripts = Self.script(#"every = "1h", emit = "T", missed = "all""#)
    for point in 0..<6 {
      let (files, clock) = (MemoryFileSystem(), ManualClock())
      do {
        let world = try World(scripts: scripts, fileSystem: files, clock: clock)
        clock.advance(microseconds: 75 * Self.minute)
        for step in 0..<point {
          if step % 2 == 0 { try world.turn() } else { world.sync() }
        }
      }
      files.restart(losing: .everything)
      let world = try World(scripts: scripts, fileSystem: files, clock: clock)
      try world.settle()
      #expect(try made(world).map(\.due) == ["10:00:00", "11:00:00"], "\(point)")
    }
  }

  // MARK: deploys

  @Test func `new scripts with the same times change nothing`() throws {
    let scripts = Self.script(#"every = "1h", emit = "Old", data = { v = 1 }"#)
    let world = try away(
      scripts, 30 * Self.minute, changed: Self.script(#"every = "60m", emit = "New", missed = "once""#))
    #expect(try made(world).map(\.what) == ["New tick {}"])
    #expect(world.core.control.generation == 2)
  }

  @Test func `other times count from the deploy that brings them`() throws {
    let world = try away(
      Self.script(#"every = "1h", emit = "T""#), 30 * Self.minute, changed: Self.script(#"every = "1d", emit = "T""#))
    #expect(try made(world) == [])
    #expect(world.status.schedules.first?.next == Self.time("2024-07-04T00:00:00Z"))
  }

  @Test func `one that is declared no more is made no more, and begins anew when it comes back`() throws {
    let scripts = Self.script(#"every = "1h", emit = "T", missed = "all""#)
    let world = try World(scripts: scripts)
    try advance(world, 20 * Self.minute)
    try world.deploy(["a.lua": "consumer \"c\" { on = { X = function() end } }"])
    #expect(world.core.control.schedules.isEmpty && world.core.nextDue == nil)
    try advance(world, 3 * Self.hour)
    try world.deploy(scripts)
    try advance(world, Self.hour)
    #expect(try made(world).map(\.due) == ["10:00:00", "14:00:00"])
  }

  // MARK: commands

  @Test func `a command is decided, and the schedule's subject hears of a refusal`() throws {
    let world = try World(scripts: [
      "a.lua": """
      aggregate "account" {
        initial = { balance = 2 },
        events = { Charged = function(a) a.balance = a.balance - 1 end },
        commands = { Charge = function(a, c)
          if a.balance == 0 then reject("empty since " .. time.text(c.time)) end
          emit("Charged", c.data)
        end },
      }
      schedule "monthly fee" { every = "1h", send = "Charge", to = "account-1", data = { fee = 3 } }
      """
    ])
    try advance(world, 3 * Self.hour)
    #expect(try world.outcomes().map(\.result) == [.accepted, .accepted, .rejected])
    #expect(try world.events(type: "Charged").map(\.data) == ["{\"fee\":3}", "{\"fee\":3}"])
    let refused = try #require(try world.events(type: "moondance.rejected").first)
    #expect(refused.subject == "monthly fee" && refused.data.contains("empty since 2024-07-03T12:00:00Z"))
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `an event carries the version of its contract, and an empty table is a list where that wants one`() throws
  {
    let world = try World(scripts: [
      "a.lua": """
      contract "Closed" { version = 3, schema = { items = { "string" } }, upcast = {
        [1] = function(d) return d end, [2] = function(d) return d end } }
      schedule "close" { every = "1h", emit = "Closed", data = { items = {} } }
      """
    ])
    try advance(world, 20 * Self.minute)
    #expect(try made(world).map(\.what) == ["Closed close {\"items\":[]}"])
    var versions: [UInt16] = []
    try world.opened.reader.replay(fromCommit: 2) { commit in
      for record in commit.records where record.takesPosition { versions.append(record.entry.contractVersion) }
      return true
    }
    #expect(versions == [3])
  }

  // MARK: clocks and disks

  @Test func `a clock that is set back makes nothing twice`() throws {
    let world = try World(scripts: Self.script(#"every = "1h", emit = "T""#))
    try advance(world, 20 * Self.minute)
    world.clock.jump(microseconds: -30 * Self.minute)
    try world.settle()
    world.clock.advance(microseconds: 29 * Self.minute)
    try world.settle()
    #expect(try made(world).map(\.due) == ["10:00:00"])
    world.clock.advance(microseconds: 60 * Self.minute)
    try world.settle()
    #expect(try made(world).map(\.due) == ["10:00:00", "11:00:00"])
  }

  @Test func `a clock that jumps ahead by more than a day is not followed unless that is accepted`() throws {
    let world = try World(scripts: Self.script(#"every = "1h", emit = "T", missed = "all""#))
    try world.turn()
    world.clock.jump(microseconds: 49 * Self.hour)
    try world.settle()
    #expect(try made(world) == [])
    var settings = EngineSettings()
    settings.acceptsClockJumps = true
    let bold = try World(scripts: Self.script(#"every = "1h", emit = "T", missed = "all""#), settings: settings)
    try bold.turn()
    bold.clock.jump(microseconds: 49 * Self.hour)
    try bold.settle()
    #expect(try made(bold).count == 49)
  }

  @Test func `while the disk is full nothing is lost, and nothing spins`() throws {
    let world = try World(scripts: Self.script(#"every = "1h", emit = "T""#))
    try world.turn()
    world.fileSystem.inject { $0.operation == .write && $0.path.contains("log/") ? .failAfter(bytes: 10, ENOSPC) : nil }
    world.clock.advance(microseconds: 20 * Self.minute)
    try world.turn()
    #expect(world.isFull)
    let due = try #require(world.core.nextDue)
    #expect(due > world.core.now)
    world.fileSystem.inject(nil)
    world.clock.advance(microseconds: 500_001)
    try world.settle()
    #expect(try made(world).map(\.due) == ["10:00:00"])
  }

  @Test func `with the clock of the events it comes as their time passes`() throws {
    var (options, settings) = (LogOptions(), EngineSettings())
    options.clockMode = .events
    settings.clockIsEvents = true
    let world = try World(
      scripts: Self.script(#"cron = "0 0 * * *", emit = "Midnight", missed = "all""#), options: options,
      settings: settings)
    func happens(_ time: String) throws {
      world.append(world.event("X", "s", time: time))
      try world.settle()
    }
    // The first time that the log gets: what was before it was not missed.
    try happens("2020-02-28T12:00:00Z")
    #expect(try made(world) == [])
    #expect(world.core.nextDue == nil)
    try happens("2020-03-01T12:00:00Z")
    #expect(try made(world).map { "\($0.due) \($0.committed)" } == ["00:00:00 12:00:00", "00:00:00 12:00:00"])
    try happens("2020-03-01T23:59:59Z")
    try happens("2020-03-02T00:00:00Z")
    #expect(try made(world).map(\.committed) == ["12:00:00", "12:00:00", "00:00:00"])
    #expect(try world.events().map(\.type) == ["X", "X", "Midnight", "Midnight", "X", "X", "Midnight"])
  }

  @Test func `nothing is made on the way to a stop`() throws {
    let world = try World(scripts: Self.script(#"every = "1h", emit = "T""#))
    world.put(.stop)
    world.clock.advance(microseconds: Self.hour)
    try world.settle()
    #expect(world.core.isStopped)
    #expect(try made(world) == [])
  }
}
