import Events
import LogStorage
import TestKit
import Testing

@testable import Engine

@Suite("What a consumer remembers of a key")
struct StateTests {
  /// Says at every reading how many it has seen and what they come to.
  static let summing = """
    consumer "sum" {
      state = { count = 0, total = 0, last = array {} },
      on = {
        Reading = function(event, state)
          if event.data.fails then state.count = 99 error("no") end
          state.count = state.count + 1
          state.total = state.total + event.data.value
          state.last[#state.last + 1] = event.data.value
          if #state.last > 3 then table.remove(state.last, 1) end
          emit("Sum", { count = state.count, total = state.total, last = state.last })
        end,
        Reset = function(event, state) state.count = 0 state.total = 0 state.last = array {} end,
      },
    }
    """

  private func sums(_ world: World, _ subject: String) throws -> [String] {
    try world.events(type: "Sum").filter { $0.subject == subject }.map(\.data)
  }

  private func readings(_ world: World, _ range: ClosedRange<Int>, keys: Int = 3, each: () throws -> Void = {}) throws {
    for number in range {
      world.emit("Reading", "s-\(number % keys)", #"{"value":\#(number)}"#)
      try each()
    }
  }

  @Test func `every key begins with a copy of the declared state and goes on with its own`() throws {
    let world = try World(scripts: ["a.lua": Self.summing])
    try readings(world, 1...6)
    try world.settle()
    #expect(
      try sums(world, "s-1") == [
        #"{"count":1,"last":[1],"total":1}"#, #"{"count":2,"last":[1,4],"total":5}"#,
      ])
    #expect(try sums(world, "s-0").last == #"{"count":2,"last":[3,6],"total":9}"#)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `it is the same one by one, in batches, on many workers, from the log, and across restarts`() throws {
    func run(
      workers: Int = 1, cacheBytes: Int = 1 << 20, _ step: (inout World, Int) throws -> Void
    ) throws -> [[String]] {
      var settings = EngineSettings()
      settings.workers = workers
      settings.stateCacheBytes = cacheBytes
      var world = try World(scripts: ["a.lua": Self.summing], settings: settings)
      for number in 1...400 {
        world.emit("Reading", "s-\(number % 5)", #"{"value":\#(number)}"#)
        try step(&world, number)
      }
      try world.settle()
      return try (0..<5).map { try sums(world, "s-\($0)") }
    }
    let oneByOne = try run { world, _ in try world.settle() }
    #expect(oneByOne.map(\.count) == [80, 80, 80, 80, 80])
    #expect(try run { _, _ in } == oneByOne)
    #expect(try run(workers: 4) { _, _ in } == oneByOne)
    // Nothing stays in memory: every batch reads what it needs from the log.
    #expect(try run(cacheBytes: 0) { world, number in if number % 7 == 0 { try world.settle() } } == oneByOne)
    #expect(
      try run { world, number in
        guard number % 40 == 0 else { return }
        try world.settle()
        let (fileSystem, clock) = (world.fileSystem, world.clock)
        fileSystem.restart(losing: .everything)
        world = try World(scripts: ["a.lua": Self.summing], fileSystem: fileSystem, clock: clock)
      } == oneByOne)
  }

  @Test func `a call that fails leaves the state as it was`() throws {
    let world = try World(scripts: [
      "a.lua": Self.summing.replacing("state = {", with: "retry = false, exhausted = \"skip\", state = {")
    ])
    world.emit("Reading", "s", #"{"value":1}"#)
    world.emit("Reading", "s", #"{"fails":true}"#)
    world.emit("Reading", "s", #"{"value":2}"#)
    try world.settle()
    #expect(try sums(world, "s").last == #"{"count":2,"last":[1,2],"total":3}"#)
  }

  @Test func `setting it back forgets: nothing of the key is kept`() throws {
    let world = try World(scripts: ["a.lua": Self.summing])
    try readings(world, 1...30, keys: 10)
    try world.settle()
    #expect(world.core.control.readers[0].states.count == 10)
    for number in 0..<10 { world.emit("Reset", "s-\(number)") }
    try world.settle()
    #expect(world.core.control.readers[0].states.isEmpty)
    try readings(world, 1...1, keys: 10)
    try world.settle()
    #expect(try sums(world, "s-1").last == #"{"count":1,"last":[1],"total":1}"#)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a batch that is lost has remembered nothing`() throws {
    let world = try World(scripts: ["a.lua": Self.summing])
    try readings(world, 1...6, keys: 1)
    try world.turn()
    for batch in world.out { world.put(.workerLost(batch, unit: 3, seconds: 1)) }
    world.work()
    try world.settle()
    world.clock.advance(microseconds: 1_000_000)
    try world.settle()
    #expect(try sums(world, "s-0").last == #"{"count":6,"last":[4,5,6],"total":21}"#)
    #expect(try sums(world, "s-0").count == 6)
  }

  @Test func `a state of an older version is upgraded before a handler sees it`() throws {
    let world = try World(scripts: ["a.lua": Self.summing])
    try readings(world, 1...2, keys: 1)
    try world.settle()
    try world.deploy([
      "a.lua": """
      consumer "sum" {
        state = { n = 0, unit = "C" }, version = 3,
        upgrade = {
          [1] = function(old) return { n = old.count, sum = old.total } end,
          [2] = function(old) old.unit = "F" return old end,
        },
        on = { Reading = function(event, state)
          state.n = state.n + 1
          emit("Now", state)
        end },
      }
      """
    ])
    try readings(world, 3...4, keys: 1)
    world.emit("Reading", "new")
    try world.settle()
    #expect(
      try world.events(type: "Now").map(\.data) == [
        #"{"n":3,"sum":3,"unit":"F"}"#, #"{"n":4,"sum":3,"unit":"F"}"#, #"{"n":1,"unit":"C"}"#,
      ])
    // Back to the old script: the new state cannot be read by it, which stops the key and loses nothing.
    try world.deploy(["a.lua": Self.summing])
    try readings(world, 5...5, keys: 1)
    try world.settle()
    #expect(world.failures.last?.message.contains("version 3 of the script has written this state") == true)
  }

  @Test func `what cannot be kept fails the call and names the place`() throws {
    let world = try World(scripts: [
      "a.lua": #"""
      consumer "bad" { retry = false, state = { n = 0 }, on = {
        A = function(event, state) state.n = print end,
        B = function(event, state) state.big = string.rep("x", 70000) end,
      } }
      """#
    ])
    world.emit("A", "a")
    world.emit("B", "b")
    try world.settle()
    #expect(world.failures.map(\.message).sorted().first?.contains("state.n is a function") == true)
    #expect(world.failures.contains { $0.message.contains("at most 65536 are kept") })
  }

  @Test func `keys that share a hash are told apart`() throws {
    var options = LogOptions()
    options.ownThreads = false
    var log = try LogStore.open(
      folder: "data", fileSystem: MemoryFileSystem(), options: options, clock: ManualClock(),
      randomness: SeededRandomness(1))
    log.journal.start { _ in }
    var change = ReaderChange(.created, reader: 1)
    change.name = "sum"
    var created = ByteWriter()
    change.encode(into: &created)
    var control = ControlState()
    try control.apply(record: created.bytes, commit: 1)
    let framed: [InstanceRecord] = [
      InstanceRecord(
        reader: 1, key: Array("a".utf8), keyHash: 7, state: Array(#"{"a":1}"#.utf8), version: 1, previous: 0),
      InstanceRecord(
        reader: 1, key: Array("b".utf8), keyHash: 7, state: Array(#"{"b":1}"#.utf8), version: 1, previous: 1,
        sharesHash: true),
      InstanceRecord(
        reader: 1, key: Array("b".utf8), keyHash: 7, state: nil, version: 1, previous: 2, sharesHash: true),
    ]
    var commits: [UInt64] = []
    for record in framed {
      var writer = ByteWriter()
      record.encode(into: &writer)
      log.framer.beginGroup()
      log.framer.beginCommit(producer: .reader(1), generation: 1, time: 1, durable: 0)
      log.framer.appendRecord(writer.bytes)
      commits.append(log.framer.endCommit())
      try log.journal.append(log.framer.endGroup())
      try control.apply(record: writer.bytes, commit: commits.last!)
    }
    let place = try #require(control.readers[0].states[7])
    let a = try KeyState.read(KeyBytes("a"), 7, reader: 1, at: place, in: log.reader)
    #expect(a.json == Array(#"{"a":1}"#.utf8))
    #expect(a.sharesHash)
    let b = try KeyState.read(KeyBytes("b"), 7, reader: 1, at: place, in: log.reader)
    #expect(b.json == nil)
    let c = try KeyState.read(KeyBytes("c"), 7, reader: 1, at: place, in: log.reader)
    #expect(c.json == nil && c.sharesHash)
  }

  @Test func `a rewind to the start begins with nothing remembered, another one is refused`() throws {
    let world = try World(scripts: ["a.lua": Self.summing])
    try readings(world, 1...4, keys: 1)
    try world.settle()
    let refused = world.act(.rewind(to: Position(3)), on: "sum")
    try world.settle()
    guard case .refused(let why)? = refused.value else {
      Issue.record("\(String(describing: refused.value))")
      return
    }
    #expect(why.contains("rewind it to 1"))
    world.act(.rewind(to: Position(1)), on: "sum")
    try world.settle()
    let all = try sums(world, "s-0")
    #expect(all.count == 8)
    #expect(Array(all.prefix(4)) == Array(all.suffix(4)))
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a key rule is not changed under states`() throws {
    let world = try World(scripts: ["a.lua": Self.summing])
    try readings(world, 1...2)
    try world.settle()
    let outcome = try world.deploy([
      "a.lua": Self.summing.replacing("state = {", with: #"key = "data.sensor", state = {"#)
    ])
    guard case .refused(let errors)? = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    #expect(errors.first?.contains("2 states by the old one") == true)
  }
}
