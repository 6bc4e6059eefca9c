import Events
import LogStorage
import Platform
import TestKit
import Testing

@testable import Engine

/// The six promises (docs/architecture.md), each by its number. Whoever removes the code that keeps one sees its test fail.
@Suite("The six promises")
struct PromiseTests {
  /// Three effects a call, a chain of two, failures by the event's data, and a second consumer behind the first.
  static let scripts = [
    "work.lua": """
    consumer "work" {
      retry = { attempts = 3, first = "1s", jitter = 0 },
      on = { Work = function(event)
        for part = 1, 3 do emit("Part", { n = event.data.n, part = part }) end
        if now() < (event.data["until"] or 0) then error("not yet") end
      end },
    }
    """,
    "follow.lua": #"consumer "follow" { on = { Part = function(event) emit("Seen", event.data) end } }"#,
  ]

  /// A day of work with failing events among them; what was acknowledged is noted by id.
  private func day(in world: World, acknowledged: Box<Set<String>>) throws {
    let until = world.clock.wallMicroseconds() / 1000 + 1500
    for round in 0..<4 {
      let answers = (0..<3).map { number in
        let id = "e\(round)-\(number)"
        let wait = number == 0 && round < 2 ? #","until":\#(until)"# : ""
        return (id, world.emit("Work", "s-\(number)", #"{"n":\#(round * 3 + number)\#(wait)}"#, id: id))
      }
      defer {
        for (id, answer) in answers {
          if case .appended? = answer.value { acknowledged.value?.insert(id) }
        }
      }
      try world.turn()
      if round % 2 == 0 { world.work() }
      world.sync()
      try world.turn()
      world.work()
      world.clock.advance(microseconds: 400_000)
    }
    for _ in 0..<4 {
      try world.settle()
      world.clock.advance(microseconds: 2_000_000)
    }
    try world.settle()
  }

  /// Runs the day with the power going before each single call to the file system, and looks at what a start finds.
  private func everyCrash(
    _ look: (World, _ acknowledged: Set<String>, _ place: Comment) throws -> Void
  ) throws {
    let calm = MemoryFileSystem()
    try day(in: try World(scripts: Self.scripts, fileSystem: calm), acknowledged: Box())
    let calls = calm.trace.count
    #expect(calls > 40)
    for crash in 0..<calls {
      for loss in [MemoryFileSystem.Loss.everything, .some(Seed(UInt64(crash)))] {
        let fileSystem = MemoryFileSystem()
        let acknowledged = Box<Set<String>>()
        acknowledged.value = []
        fileSystem.inject { $0.index == crash ? .crash : nil }
        // The crash shows as an error, in whichever words.
        try? day(in: try World(scripts: Self.scripts, fileSystem: fileSystem), acknowledged: acknowledged)
        fileSystem.inject(nil)
        fileSystem.restart(losing: loss)
        let world = try World(fileSystem: fileSystem)
        try look(world, acknowledged.value ?? [], "crash before call \(crash), \(loss)")
      }
    }
  }

  @Test func `1: one log, one order: no crash keeps an effect and loses its cause`() throws {
    try everyCrash { world, _, place in
      let events = try world.events()
      #expect(events.map(\.position) == Array(1..<UInt64(events.count + 1)), place)
      for event in events where event.cause > 0 {
        #expect(event.cause < event.position, place)
        let cause = try #require(events.indices.contains(Int(event.cause) - 1) ? events[Int(event.cause) - 1] : nil)
        #expect(["Part": "Work", "Seen": "Part"][event.type] == cause.type, place)
        #expect(cause.subject == event.subject, place)
      }
    }
  }

  @Test func `2: a call is all or nothing: its effects and the progress of its reader are there together or not`()
    throws
  {
    try everyCrash { world, _, place in
      let parts = Dictionary(grouping: try world.events(type: "Part"), by: \.cause)
      // Without its deploy there is no reader, and nothing that it could have done.
      guard let reader = world.core.control.reader(named: "work", kind: .consumer) else {
        return #expect(parts.isEmpty, place)
      }
      let waiting = Set(reader.blocked.all.flatMap { reader.blocked[$0].map { Array($0.queue) } ?? [] })
      for event in try world.events(type: "Work") {
        let isHandled = event.position <= reader.cursor && !waiting.contains(event.position)
        #expect(parts[event.position]?.count == (isHandled ? 3 : nil), "event \(event.position), \(place)")
      }
    }
  }

  @Test func `3: nothing leaves before it is durable: what was acknowledged survives every crash`() throws {
    try everyCrash { world, acknowledged, place in
      var found: Set<String> = []
      try world.opened.reader.replay(fromCommit: 1) { commit in
        for record in commit.records where record.takesPosition {
          if let id = record.entry.attributes[.id] { found.insert(id.text) }
        }
        return true
      }
      #expect(acknowledged.subtracting(found).isEmpty, place)
    }
  }

  @Test func `4: order per key: a failure stops its own key and nothing else, and nothing overtakes a dead letter`()
    throws
  {
    let world = try World(scripts: Self.scripts)
    world.emit("Work", "a", #"{"n":1,"until":9999999999999}"#)
    for number in 2...9 { world.emit("Work", number % 2 == 0 ? "a" : "b", #"{"n":\#(number)}"#) }
    try world.settle()
    func handled(_ subject: String) throws -> [UInt64] {
      try world.events(type: "Part").filter { $0.subject == subject && $0.data.contains(#""part":1"#) }.map(\.cause)
    }
    #expect(try handled("b") == [3, 5, 7, 9])
    for _ in 0..<5 {
      world.clock.advance(microseconds: 10_000_000)
      try world.settle()
    }
    let letters = try #require(world.letters()?.letters)
    #expect(letters.map(\.position.rawValue) == [1])
    #expect(try handled("a") == [])
    world.resolve(.skip, .ids(letters.map(\.id)))
    try world.settle()
    #expect(try handled("a") == [2, 4, 6, 8])
  }

  @Test func `5: handlers are deterministic: called again, in other batches, they do the same to the byte`() throws {
    let script = """
      consumer "dice" { on = { Roll = function(event)
        local seen = {}
        for key, value in pairs(event.data) do seen[#seen + 1] = key .. "=" .. tostring(value) end
        emit("Rolled", { id = uuid(), number = random(1, 1000000), part = random(), seen = seen })
      end } }
      """
    /// The data of all effects. The events are there before the consumer, so their positions are always the same.
    func run(workers: Int = 1, _ step: (World) throws -> Void = { _ in }) throws -> [String] {
      var settings = EngineSettings()
      settings.workers = workers
      let world = try World(settings: settings, randomness: SeededRandomness(7))
      for number in 0..<300 {
        world.emit("Roll", "s-\(number % 7)", #"{"z":\#(number),"a":1,"10":true,"m":"x","b":2.5}"#)
      }
      try world.settle()
      try world.deploy(["a.lua": script.replacing("{ on", with: #"{ from = "start", on"#)])
      try step(world)
      try world.settle()
      return try world.events(type: "Rolled").map(\.data)
    }
    let plain = try run()
    #expect(Set(plain).count == 300)
    #expect(try run(workers: 4) == plain)
    // Called once more than it counts: the worker is lost before it can hand its result in.
    let afterLoss = try run { world in
      for _ in 0..<3 {
        try world.turn()
        for batch in world.out { world.put(.workerLost(batch, unit: 0, seconds: 1)) }
        world.work()
        try world.settle()
        world.clock.advance(microseconds: 1_000_000)
      }
    }
    #expect(afterLoss.sorted() == plain.sorted())
  }

  @Test func `6: the log is the only truth: a fold from nothing equals the live state to the byte`() throws {
    func bytes(_ control: ControlState) -> [UInt8] {
      var writer = ByteWriter()
      control.encode(into: &writer)
      return Array(writer.bytes)
    }
    let world = try World(scripts: Self.scripts)
    try day(in: world, acknowledged: Box())
    world.emit("Work", "x", #"{"until":9999999999999}"#)
    world.emit("Work", "x")
    for _ in 0..<3 {
      try world.settle()
      world.clock.advance(microseconds: 10_000_000)
    }
    world.act(.rewind(to: Position(3)), on: "follow")
    world.act(.pause, on: "work")
    try world.deploy(Self.scripts.merging(["more.lua": #"consumer "more" { on = { Seen = function() end } }"#]) { $1 })
    try world.settle()
    #expect(world.letters()?.total == 1)
    let live = bytes(world.core.control)
    #expect(bytes(try world.foldFromNothing()) == live)
    let snapshot = try #require(live.withUnsafeBytes { ControlState(snapshot: $0) })
    #expect(bytes(snapshot) == live)
    // Everything but the segments is gone: the start makes it again.
    let fileSystem = world.fileSystem
    for path in ["data/witness"] { fileSystem.drop(path) }
    fileSystem.restart(losing: .nothing)
    let again = try World(fileSystem: fileSystem)
    #expect(bytes(again.core.control) == live)
  }
}
