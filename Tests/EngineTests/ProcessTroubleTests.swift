import Events
import HeapModule
import LogStorage
import Scripts
import TestKit
import Testing

@testable import Engine

/// What can go wrong with an instance that waits: its script does something else than it did, it is told to roll back while
/// it waits for an answer, a call at its deadline is given up, the program cannot run it.
@Suite("Processes in trouble")
struct ProcessTroubleTests {
  static func restarted(
    _ world: World, _ scripts: [String: String], chance: ((UInt64) -> UInt64)? = nil
  ) throws -> World {
    let (fileSystem, clock) = (world.fileSystem, world.clock)
    fileSystem.restart(losing: .everything)
    return try World(scripts: scripts, fileSystem: fileSystem, clock: clock, chance: chance)
  }

  private static func types(_ world: World) throws -> [String] {
    try world.events().map(\.type).filter { !$0.hasPrefix("moondance.") }
  }

  static func instances(_ world: World) throws -> [ProcessReport] {
    try #require(try world.processes()).instances
  }

  static func tell(_ world: World, _ verb: ProcessVerb, _ key: String) {
    let batch = EntryBatch(hash: world.opened.hash)
    let reader = world.core.control.reader(named: "p", kind: .process)!.number
    Array(key.utf8).withUnsafeBytes {
      ProcessVerb.add(verb, to: KeyBytes(key), process: "p", reader: reader, subject: $0, by: "me", in: batch)
    }
    world.append(batch)
  }

  static func expectFold(_ world: World, _ location: SourceLocation = #_sourceLocation) throws {
    #expect(try world.foldFromNothing() == world.core.control, sourceLocation: location)
  }

  // MARK: divergence

  private static let drawing = [
    "p.lua": """
    process "p" {
      starts = "Start", hears = "Go",
      run = function(start)
        emit("Begun")
        await "Go"
        emit("Drawn", { number = random(1000000) })
        await "Go"
        emit("Ended")
      end,
    }
    """
  ]

  @Test
  func `a history that its own script does not repeat blocks the instance, names the step, and goes on once it does`()
    throws
  {
    // Nothing that a script can do makes this: the numbers follow from something else after the restart.
    var world = try World(scripts: Self.drawing)
    for key in ["a", "b"] { world.emit("Start", key) }
    world.emit("Go", "a")
    try world.settle()
    #expect(try world.events(type: "Drawn").count == 1)
    world = try Self.restarted(world, Self.drawing) { ~$0 }
    for key in ["a", "b"] { world.emit("Go", key) }
    try world.settle()
    // The other one has no such step behind it.
    #expect(try world.events(type: "Drawn").map(\.subject) == ["a", "b"])
    #expect(try world.events(type: "Ended").isEmpty)
    let states = try Self.instances(world).map { "\($0.key) \($0.state)" }
    #expect(states.sorted() == ["a stuck", "b waiting"])
    #expect(
      world.failures.last?.message == """
        the history of this instance is not what its script does now, although the script is the same: step 2 makes event \
        Drawn with other data than it did
          moondance processes cancel ends it
        """)
    #expect(world.failures.last?.attempt == 1)
    // Calling it again changes nothing while the reason is there.
    world.resolve(.retry, .all(consumer: "p", key: nil))
    try world.settle()
    #expect(world.letters()?.total == 1 && world.failures.count == 2)
    world = try Self.restarted(world, Self.drawing)
    world.resolve(.retry, .all(consumer: "p", key: nil))
    try world.settle()
    #expect(try world.events(type: "Ended").map(\.subject) == ["a"])
    #expect(world.letters()?.total == 0)
    try Self.expectFold(world)
  }

  // MARK: told to roll back while an answer is awaited

  private static func asking(_ rest: String = "") -> [String: String] {
    [
      "p.lua": """
      process "p" {
        starts = "Start", aborts = "Stop", hears = "Go",
        run = function(start)
          emit("Begun")
          compensate(function() emit("Unbegun") end)
          local events, why = ask("Take", { n = start.data.n }, { to = "s" })
          emit("Told", { why = why })
          if not events then rollback(why, "Failed") end
          compensate(function() ask("Give", {}, { to = "s" }) end)
          \(rest)
          local second = ask("Take", { n = 1 }, { to = "s" })
          await "Go"
        end,
      }
      aggregate "stock" {
        events = { Taken = function(s, e) end, Given = function(s, e) end },
        commands = {
          Take = function(s, c) if c.data.n > 9 then reject("too many") end emit("Taken") end,
          Give = function(s, c) emit("Given") end,
        },
      }
      """
    ]
  }

  @Test(arguments: [nil, ProcessVerb.cancel])
  func `an answer that comes after the word to roll back is taken back with the rest, and nothing more is begun`(
    verb: ProcessVerb?
  ) throws {
    var world = try World(scripts: Self.asking())
    world.act(.pause, on: "stock")
    world.emit("Start", "a", #"{"n":1}"#)
    try world.settle()
    if let verb { Self.tell(world, verb, "a") } else { world.emit("Stop", "a") }
    try world.settle()
    let waiting = try #require(try Self.instances(world).first)
    #expect(waiting.instance.isRollingBack && waiting.instance.wait.kind == .outcome)
    #expect(try world.events(type: "Unbegun").isEmpty)
    // Also over a restart, and a second word changes nothing.
    world = try Self.restarted(world, Self.asking())
    world.emit("Stop", "a")
    world.act(.resume, on: "stock")
    try world.settle()
    #expect(
      try Self.types(world).filter { $0 != "Stop" } == [
        "Start", "Begun", "Take", "Taken", "Told", "Give", "Given", "Unbegun",
      ])
    #expect(try Self.instances(world).isEmpty)
    try Self.expectFold(world)
  }

  @Test func `a refusal that comes after the word to roll back is the script's to tell, once`() throws {
    let world = try World(scripts: Self.asking())
    world.act(.pause, on: "stock")
    world.emit("Start", "a", #"{"n":10}"#)
    try world.settle()
    world.emit("Stop", "a")
    try world.settle()
    world.act(.resume, on: "stock")
    try world.settle()
    #expect(try Self.types(world).filter { $0 != "Stop" } == ["Start", "Begun", "Take", "Told", "Unbegun", "Failed"])
    #expect(try world.events(type: "Failed").first?.data == #"{"reason":"too many"}"#)
    #expect(try Self.instances(world).isEmpty)
    try Self.expectFold(world)
  }

  @Test func `whoever ends after the word to roll back without another wait has ended, and nothing is taken back`()
    throws
  {
    let world = try World(scripts: Self.asking("do return end"))
    world.act(.pause, on: "stock")
    world.emit("Start", "a", #"{"n":1}"#)
    try world.settle()
    world.emit("Stop", "a")
    world.act(.resume, on: "stock")
    try world.settle()
    #expect(try Self.types(world).filter { $0 != "Stop" } == ["Start", "Begun", "Take", "Taken", "Told"])
    #expect(try Self.instances(world).isEmpty)
  }

  @Test(arguments: [true, false])
  func `a request is answered, or given up, before its instance rolls back`(isAnswered: Bool) throws {
    let scripts = [
      "p.lua": """
      process "p" {
        starts = "Start", aborts = "Stop",
        run = function(start)
          local reply, why = request("bank", { path = "/charges" })
          emit("Told", { status = reply and reply.status, why = why })
          if reply then compensate(function() emit("Refunded") end) end
          sleep("1h")
          emit("Slept")
        end,
      }
      destination "bank" { http = "http://127.0.0.1:1/", retry = { attempts = 2, first = "10s", jitter = 0 } }
      """
    ]
    let world = try World(scripts: scripts)
    world.emit("Start", "a")
    try world.settle()
    world.emit("Stop", "a")
    try world.settle()
    #expect(try Self.instances(world).first?.instance.isRollingBack == true)
    if isAnswered {
      try world.settleAnswering { _ in .delivered(DeliveryReply(status: 201, headers: [:], body: [])) }
    } else {
      try world.settleAnswering { _ in World.refused() }
      #expect(try world.events(type: "Told").isEmpty)
      world.clock.advance(microseconds: 10_000_001)
      try world.settleAnswering { _ in World.refused() }
    }
    #expect(
      try Self.types(world).filter { !["bank", "Stop"].contains($0) }
        == (isAnswered ? ["Start", "Told", "Refunded"] : ["Start", "Told"]))
    #expect(try Self.instances(world).isEmpty)
    world.clock.advance(microseconds: 3_600_000_001)
    try world.settle()
    #expect(try world.events(type: "Slept").isEmpty)
    try Self.expectFold(world)
  }

  // MARK: an owner that is forgotten

  @Test(arguments: [3, EngineCore.discardsPerCommit * 2 + 100])
  func `what waits for an owner that is gone waits, and is answered when that is forgotten`(count: Int) throws {
    func scripts(_ owner: String) -> [String: String] {
      [
        "p.lua": """
        process "p" {
          starts = "Start",
          run = function(start)
            local events, why = ask("Break", {}, { to = "s" })
            emit("Told", { events = events, why = why })
          end,
        }
        consumer "c" { on = { Also = function(e) send("Break", {}, { to = "s" }) end } }
        aggregate "\(owner)" { retry = false, commands = { Break = function(s, c) error("broken") end } }
        """
      ]
    }
    var world = try World(scripts: scripts("first"))
    world.emit("Also", "x")
    for number in 1...count { world.emit("Start", "i-\(number)") }
    try world.settle()
    try world.deploy(scripts("second"))
    world = try Self.restarted(world, scripts("second"))
    try world.settle()
    #expect(try world.events(type: "Told").isEmpty)
    #expect(world.core.control.reader(named: "first", kind: .aggregate)?.blocked.unitCount == count + 1)
    let outcome = world.act(.forget, on: "first")
    try world.settle()
    guard case .done(let receipt)? = outcome.value else {
      Issue.record("\(String(describing: outcome.value))")
      return
    }
    #expect(receipt.changed && receipt.droppedUnits == count + 1 && receipt.droppedLetters == 1)
    let told = try world.events(type: "Told")
    #expect(Set(told.map(\.subject)).count == count && told.count == count)
    #expect(Set(told.map(\.data)) == [#"{"why":"discarded"}"#])
    #expect(try world.events(type: "moondance.rejected").map(\.subject) == ["x"])
    #expect(try world.processes()?.instances.isEmpty == true)
    #expect(world.core.control.readers.filter { $0.kind == .aggregate }.map(\.blocked.unitCount) == [0, 0])
    try Self.expectFold(world)
  }

  @Test(arguments: [false, true])
  func `nobody is left untold when two forget an owner at once, or letters of it are discarded meanwhile`(
    discards: Bool
  ) throws {
    let script = """
      process "p" {
        starts = "Start",
        run = function(start)
          local events, why = ask("Break", {}, { to = start.subject })
          emit("Told", { why = why })
        end,
      }
      aggregate "owner" { retry = false, commands = { Break = function(s, c) error("broken") end } }
      """
    let world = try World(scripts: ["p.lua": script])
    let count = EngineCore.discardsPerCommit * 2 + 100
    for number in 1...count { world.emit("Start", "i-\(number)") }
    try world.settle()
    let letters = try #require(world.letters(LetterQuery(limit: count))).letters.map(\.id)
    #expect(letters.count == count)
    let first = world.act(.forget, on: "owner")
    if discards {
      world.resolve(.discard, .ids(letters.enumerated().filter { $0.offset % 100 == 99 }.map(\.element)))
    } else {
      world.act(.forget, on: "owner")
    }
    try world.settle()
    guard case .done? = first.value else {
      Issue.record("\(String(describing: first.value))")
      return
    }
    let told = try world.events(type: "Told")
    #expect(told.count == count)
    #expect(Set(told.map(\.subject)).count == count)
    #expect(world.letters()?.total == 0)
    try Self.expectFold(world)
  }

  @Test func `forgetting an owner for whom thousands of keys wait looks at each of them once`() throws {
    let script = """
      consumer "c" { on = { Start = function(e) send("Break", {}, { to = e.subject }) end } }
      aggregate "owner" {
        retry = { first = "1h" }, commands = { Break = function(s, c) error("broken") end },
      }
      """
    let world = try World(scripts: ["p.lua": script])
    let count = EngineCore.discardsPerCommit * 2 + 100
    for number in 1...count { world.emit("Start", "i-\(number)") }
    try world.settle()
    #expect(world.core.control.reader(named: "owner", kind: .aggregate)?.blocked.count == count)
    let scheduled = world.core.retries.count
    world.act(.forget, on: "owner")
    try world.settle()
    #expect(try world.events(type: "moondance.rejected").count == count)
    #expect(world.core.control.reader(named: "owner", kind: .aggregate)?.blocked.isEmpty == true)
    #expect(world.core.retries.count <= scheduled)
    try Self.expectFold(world)
  }

  // MARK: another program

  @Test func `a program without the level of the prelude that instances run on names them and does not start`() throws {
    let world = try World(scripts: Self.drawing)
    for key in ["a", "b", "c"] { world.emit("Start", key) }
    try world.settle()
    // The log as a program with a higher level would have written it.
    func fold(raisedBy raise: UInt32, of generations: ClosedRange<UInt32>) throws -> ControlState {
      var control = ControlState()
      try world.opened.reader.replay(fromCommit: 1) { commit in
        var position = commit.firstPosition.rawValue
        for record in commit.records {
          var bytes = Array(record.whole)
          if record.kind == .deploy, var deploy = DeployRecord(FieldReader(record: record.whole)),
            generations.contains(deploy.generation)
          {
            deploy.preludeLevel += raise
            var writer = ByteWriter()
            deploy.encode(into: &writer)
            bytes = Array(writer.bytes)
          }
          try bytes.withUnsafeBytes { try control.apply(record: $0, commit: commit.number, position: position) }
          if record.takesPosition { position += 1 }
        }
        control.finish(
          commit: commit.number, lastPosition: commit.lastPosition.rawValue, time: commit.time)
        return true
      }
      return control
    }
    func refusal(_ control: ControlState) throws -> String {
      let error = #expect(throws: PinnedError.self) { try control.loadPinned(naming: world.opened.reader) }
      return try #require(error).description
    }
    let (own, other) = (Generation.preludeLevel, Generation.preludeLevel + 1)
    let expected = """
      generation 1 was written for level \(other) of the prelude, and this program has level \(own)
      instances of processes still run on it:
        p: KEYS
      start the program that ran them before until they have ended, or cancel them there
      """
    #expect(try fold(raisedBy: 0, of: 1...1).loadPinned(naming: world.opened.reader).map(\.number) == [1])
    let running = try refusal(fold(raisedBy: 1, of: 1...1))
    let keys = try #require(running.firstMatch(of: /p: (.*)/)).output.1
    #expect(keys.split(separator: ", ").sorted() == ["a", "b", "c"])
    #expect(running == expected.replacing("KEYS", with: String(keys)))
    // The same for instances on a generation that is not the newest any more.
    try world.deploy(Self.drawing.mapValues { $0.replacing(#"emit("Begun")"#, with: "") })
    world.emit("Start", "d")
    try world.settle()
    #expect(try refusal(fold(raisedBy: 1, of: 1...1)) == running)
    #expect(try refusal(fold(raisedBy: 1, of: 2...2)).contains("  p: d\n"))
    // Nobody runs on it: nothing keeps the program from starting.
    for key in ["a", "b", "c", "d"] { Self.tell(world, .end, key) }
    try world.settle()
    #expect(try fold(raisedBy: 1, of: 1...2).loadPinned(naming: world.opened.reader).isEmpty)
  }
}
