import Events
import LogStorage
import TestKit
import Testing

@testable import Engine

@Suite("Commands are decided once, on the newest state")
struct CommandTests {
  static let account = """
    aggregate "account" {
      initial  = { balance = 0 },
      events   = {
        Deposited = function(a, e) a.balance = a.balance + e.data.amount end,
        Withdrawn = function(a, e) a.balance = a.balance - e.data.amount end,
      },
      commands = {
        Withdraw = function(a, c)
          if c.data.fails then error("no such luck") end
          if a.balance < c.data.amount then reject("insufficient funds") end
          emit("Withdrawn", { amount = c.data.amount, left = a.balance - c.data.amount })
        end,
        Transfer = function(a, c)
          if a.balance < c.data.amount then reject("insufficient funds") end
          emit("Withdrawn", { amount = c.data.amount, left = a.balance - c.data.amount })
          emit("Deposited", { amount = c.data.amount }, { subject = c.data.account })
        end,
      },
      retry = { attempts = 2, first = "1s", jitter = 0 },
    }
    """

  private func world(
    workers: Int = 1, cacheBytes: Int = 1 << 20, scripts: [String: String] = [:], fileSystem: MemoryFileSystem? = nil,
    clock: ManualClock = ManualClock(), keepsStates: Bool = false
  ) throws -> World {
    var settings = EngineSettings()
    settings.workers = workers
    settings.stateCacheBytes = cacheBytes
    return try World(
      scripts: ["account.lua": Self.account].merging(scripts) { $1 }, fileSystem: fileSystem ?? MemoryFileSystem(),
      clock: clock, settings: settings, keepsStates: keepsStates)
  }

  /// What the events of the log come to, account by account; fails when one is overdrawn at any position, or when a
  /// withdrawal was decided on another balance than there was.
  @discardableResult
  private func balances(_ world: World) throws -> [String: Int] {
    var balances: [String: Int] = [:]
    for event in try world.events() {
      let amount = number("amount", event.data) ?? 0
      switch event.type {
      case "Deposited": balances[event.subject, default: 0] += amount
      case "Withdrawn":
        balances[event.subject, default: 0] -= amount
        #expect(balances[event.subject]! >= 0, "\(event) overdraws")
        #expect(balances[event.subject] == number("left", event.data), "\(event) was decided on another state")
      default: break
      }
    }
    return balances
  }

  private func number(_ name: String, _ json: String) -> Int? {
    guard let range = json.firstRange(of: "\"\(name)\":") else { return nil }
    return Int(json[range.upperBound...].prefix { $0.isNumber })
  }

  private func checkEnds(_ world: World) throws {
    let misended = try world.misended()
    #expect(misended.without == [])
    #expect(misended.repeated == [])
    #expect(try world.foldFromNothing() == world.core.control)
  }

  // MARK: from outside

  @Test func `a command is accepted with its events or rejected with the reason, once that is durable`() throws {
    let world = try world()
    world.emit("Deposited", "a", #"{"amount":100}"#)
    try world.settle()
    let withdrawal = world.send("Withdraw", "a", #"{"amount":20}"#)
    try world.turn()
    world.work()
    try world.turn()
    #expect(withdrawal.outcome == nil)
    try world.settle()
    #expect(withdrawal.outcome == .accepted(position: Position(2), first: Position(3), count: 1))
    let other = world.send("Withdraw", "a", #"{"amount":81}"#)
    try world.settle()
    #expect(other.outcome == .rejected(position: Position(4), reason: "insufficient funds"))
    #expect(try balances(world) == ["a": 80])
    try checkEnds(world)
  }

  @Test func `commands of one batch see what those before them did`() throws {
    let world = try world()
    world.emit("Deposited", "a", #"{"amount":10}"#)
    let sent = (1...8).map { _ in world.send("Withdraw", "a", #"{"amount":3}"#) }
    try world.settle()
    #expect(sent.map(\.outcome).count { if case .accepted? = $0 { true } else { false } } == 3)
    #expect(try balances(world) == ["a": 1])
    try checkEnds(world)
  }

  @Test func `a command that nobody owns is not taken`() throws {
    let world = try world()
    let sent = world.send("Witdraw", "a")
    try world.settle()
    #expect(sent.outcome == .unowned(near: "Withdraw (aggregate account)"))
    #expect(try world.commands() == [])
  }

  @Test func `the same id again ends as it did before, and another command by it is a conflict`() throws {
    let world = try world()
    world.emit("Deposited", "a", #"{"amount":100}"#)
    let first = world.send("Withdraw", "a", #"{"amount":20}"#, id: "1")
    let same = world.send("Withdraw", "a", #"{"amount":20}"#, id: "1")
    try world.settle()
    #expect(first.outcome == .accepted(position: Position(2), first: Position(3), count: 1))
    // It came while the first was undecided, or when it had been.
    #expect([first.outcome, .decidedBefore(position: Position(2))].contains(same.outcome))
    let late = world.send("Withdraw", "a", #"{"amount":20}"#, id: "1")
    let other = world.send("Withdraw", "a", #"{"amount":21}"#, id: "1")
    let event = world.emit("Withdraw", "a", #"{"amount":20}"#, id: "1")
    try world.settle()
    #expect(late.outcome == .decidedBefore(position: Position(2)))
    #expect(other.outcome == .conflict(position: Position(2)))
    #expect(event.value == .conflict(index: 0, position: Position(2)))
    #expect(
      try CommandOutcome.find(Position(2), in: world.opened.reader, through: world.core.control.commit) == first.outcome
    )
    #expect(try balances(world) == ["a": 80])
    try checkEnds(world)
  }

  @Test func `who does not wait any longer is told where the command stands`() throws {
    let world = try world()
    world.emit("Deposited", "a", #"{"amount":100}"#)
    try world.settle()
    let sent = world.send("Withdraw", "a", #"{"amount":20}"#)
    try world.turn()
    world.stopWaiting(for: sent)
    try world.turn()
    #expect(sent.outcome == nil)
    world.sync()
    try world.turn()
    #expect(sent.outcome == .pending(position: Position(2), letter: nil))
    try world.settle()
    #expect(try balances(world) == ["a": 80])
  }

  @Test func `a host that stops tells who waits where the command stands, and the next one decides it`() throws {
    let fileSystem = MemoryFileSystem()
    let clock = ManualClock()
    var world = try world(fileSystem: fileSystem, clock: clock)
    world.emit("Deposited", "a", #"{"amount":100}"#)
    try world.settle()
    let waiting = world.send("Withdraw", "a", #"{"amount":1,"fails":true}"#)
    try world.settle()
    let late = world.send("Withdraw", "a", #"{"amount":1}"#)
    world.put(.stop)
    let refused = world.send("Withdraw", "a", #"{"amount":1}"#)
    try world.settle()
    #expect(world.core.isStopped)
    #expect(waiting.outcome == .pending(position: Position(2), letter: nil))
    #expect(late.outcome == .pending(position: Position(3), letter: nil))
    #expect(refused.outcome == .stopped(maybeIn: false))
    fileSystem.restart(losing: .everything)
    world = try self.world(fileSystem: fileSystem, clock: clock)
    clock.advance(microseconds: 10_000_000)
    try world.settle()
    world.resolve(.discard, .all(consumer: "account", key: nil))
    try world.settle()
    #expect(try balances(world) == ["a": 99])
    try checkEnds(world)
  }

  // MARK: never on a stale state

  @Test func `what others append meanwhile is seen before the commit, and counts as no attempt`() throws {
    let world = try world()
    world.emit("Deposited", "a", #"{"amount":10}"#)
    try world.settle()
    let sent = world.send("Withdraw", "a", #"{"amount":10}"#)
    try world.turn()
    // Decided on 10, but before that comes back somebody takes 5.
    world.work()
    let held = world.holdInputs()
    world.emit("Withdrawn", "a", #"{"amount":5,"left":5}"#)
    try world.turn()
    for input in held { world.put(input) }
    try world.settle()
    #expect(sent.outcome == .rejected(position: Position(2), reason: "insufficient funds"))
    #expect(try balances(world) == ["a": 5])
    #expect(world.failures.isEmpty)
    try checkEnds(world)
  }

  @Test func `events that the aggregate does not fold decide nothing anew`() throws {
    let world = try world()
    world.emit("Deposited", "a", #"{"amount":10}"#)
    try world.settle()
    world.send("Withdraw", "a", #"{"amount":10}"#)
    try world.turn()
    world.work()
    let held = world.holdInputs()
    world.emit("Noted", "a")
    try world.turn()
    for input in held { world.put(input) }
    try world.turn()
    #expect(try world.outcomes().count == 1)
  }

  @Test func `a subject that others write to without end is decided all the same`() throws {
    let world = try world()
    world.emit("Deposited", "a", #"{"amount":10}"#)
    try world.settle()
    let sent = world.send("Withdraw", "a", #"{"amount":1}"#)
    var turns = 0
    while sent.outcome == nil, turns < 40 {
      // Each time the batch is out somebody else is quicker.
      world.emit("Deposited", "a", #"{"amount":1}"#)
      try world.turn()
      world.work()
      let held = world.holdInputs()
      world.emit("Deposited", "a", #"{"amount":1}"#)
      try world.turn()
      for input in held { world.put(input) }
      world.sync()
      turns += 1
    }
    #expect(turns < 20)
    try world.settle()
    try balances(world)
    try checkEnds(world)
  }

  @Test(arguments: [1, 4], [0, 1 << 20])
  func `transfers between accounts, on any number of workers, never overdraw`(workers: Int, cacheBytes: Int) throws {
    var mostShards = 0
    for seed in 1...2 {
      var random = Seed(UInt64(seed))
      let world = try world(workers: workers, cacheBytes: cacheBytes)
      // Large enough for several workers from the beginning.
      world.core.runtimes[0].batchLimit = 512
      let accounts = (0..<20).map { "account-\($0)" }
      var total = 0
      for _ in 0..<6 {
        for _ in 0..<Int.random(in: 0...300, using: &random) {
          let (from, to) = (accounts.randomElement(using: &random)!, accounts.randomElement(using: &random)!)
          let amount = Int.random(in: 1...30, using: &random)
          switch Int.random(in: 0..<10, using: &random) {
          case 0, 1:
            world.emit("Deposited", from, #"{"amount":\#(amount)}"#)
            total += amount
          case 2: world.send("Withdraw", from, #"{"amount":0}"#)
          default: world.send("Transfer", from, #"{"amount":\#(amount),"account":"\#(to)"}"#)
          }
        }
        try world.turn()
        if Bool.random(using: &random) { world.work(reversed: Bool.random(using: &random)) }
        if Bool.random(using: &random) { world.sync() }
      }
      try world.settle()
      #expect(try balances(world).values.reduce(0, +) == total)
      try checkEnds(world)
      mostShards = max(mostShards, world.mostShards)
    }
    #expect(mostShards == workers)
  }

  // MARK: crashes

  @Test func `a crash at any point leaves every command with one outcome`() throws {
    for steps in 0..<12 {
      for loss in [MemoryFileSystem.Loss.nothing, .everything] {
        let fileSystem = MemoryFileSystem()
        let clock = ManualClock()
        var world = try world(fileSystem: fileSystem, clock: clock)
        world.emit("Deposited", "a", #"{"amount":10}"#)
        try world.settle()
        let sent = (1...3).map { world.send("Withdraw", "a", #"{"amount":4}"#, id: "\($0)") }
        for step in 0..<steps {
          switch step % 3 {
          case 0: try world.turn()
          case 1: world.work()
          default: world.sync()
          }
        }
        let known = sent.map(\.outcome)
        fileSystem.restart(losing: loss)
        world = try self.world(fileSystem: fileSystem, clock: clock)
        let again = (1...3).map { world.send("Withdraw", "a", #"{"amount":4}"#, id: "\($0)") }
        try world.settle()
        for (before, after) in zip(known, again) {
          guard let before else { continue }
          let found: CommandOutcome?
          if case .decidedBefore(let position)? = after.outcome {
            found = try CommandOutcome.find(position, in: world.opened.reader, through: world.core.control.commit)
          } else {
            found = after.outcome
          }
          #expect(found == before, "after \(steps) steps")
        }
        #expect(try balances(world) == ["a": 2])
        #expect(try world.commands().count == 3)
        try checkEnds(world)
      }
    }
  }

  // MARK: from scripts

  static let sender = """
    consumer "pay" { on = {
      Due = function(e) send("Withdraw", { amount = e.data.amount }, { to = e.data.account }) end,
      ["moondance.rejected"] = function(e)
        emit("Unpaid", { reason = e.data.reason, command = e.data.command, to = e.data.to, position = e.data.position })
      end,
    } }
    """

  @Test func `what a script sends is decided, and a rejection comes back on the subject of what it was handling`()
    throws
  {
    let world = try world(scripts: ["pay.lua": Self.sender])
    world.emit("Deposited", "a", #"{"amount":5}"#)
    world.emit("Due", "bill-1", #"{"amount":5,"account":"a"}"#)
    try world.settle()
    world.emit("Due", "bill-2", #"{"amount":5,"account":"a"}"#)
    try world.settle()
    #expect(try balances(world) == ["a": 0])
    let told = try world.events(type: "moondance.rejected")
    #expect(told.map(\.subject) == ["bill-2"])
    let command = try world.commands()[1]
    #expect(told[0].cause == command.position)
    #expect(
      try world.events(type: "Unpaid").map(\.data) == [
        #"{"command":"Withdraw","position":\#(command.position),"reason":"insufficient funds","to":"a"}"#
      ])
    try checkEnds(world)
  }

  // MARK: failures

  @Test func `a command that fails is tried again, and those behind it wait`() throws {
    let world = try world()
    world.emit("Deposited", "a", #"{"amount":10}"#)
    let failing = world.send("Withdraw", "a", #"{"amount":1,"fails":true}"#)
    let behind = world.send("Withdraw", "a", #"{"amount":1}"#)
    let other = world.send("Withdraw", "b", #"{"amount":1}"#)
    try world.settle()
    #expect(failing.outcome == nil && behind.outcome == nil)
    #expect(other.outcome == .rejected(position: Position(4), reason: "insufficient funds"))
    world.clock.advance(microseconds: 1_000_000)
    try world.settle()
    let letter = try #require(world.letters()?.letters.first)
    #expect(failing.outcome == .pending(position: Position(2), letter: letter.id))
    #expect(behind.outcome == nil)
    world.resolve(.discard, .ids([letter.id]))
    try world.settle()
    #expect(behind.outcome == .accepted(position: Position(3), first: Position(world.core.control.position), count: 1))
    #expect(
      try world.outcomes().map(\.description) == [
        "4 rejected: insufficient funds", "2 discarded: an operator has discarded it", "3 accepted",
      ])
    try checkEnds(world)
  }

  @Test func `a forgotten aggregate has discarded what waited`() throws {
    let world = try world()
    let sent = (1...3).map { world.send("Withdraw", "a", #"{"amount":\#($0),"fails":true}"#) }
    try world.settle()
    world.act(.forget, on: "account")
    try world.settle()
    #expect(sent.map(\.outcome) == (1...3).map { .discarded(position: Position(UInt64($0))) })
    try checkEnds(world)
    let rewound = world.act(.rewind(to: Position(1)), on: "account")
    try world.settle()
    #expect(
      rewound.value == .refused("account is an aggregate: its commands are decided, and nothing decides them again"))
  }

  @Test func `a mended script decides what waited`() throws {
    let world = try world()
    world.emit("Deposited", "a", #"{"amount":10}"#)
    let sent = world.send("Withdraw", "a", #"{"amount":1,"fails":true}"#)
    try world.settle()
    try world.deploy([
      "account.lua": Self.account.replacing("if c.data.fails then error(\"no such luck\") end", with: "")
    ])
    try world.settle()
    #expect(sent.outcome == .accepted(position: Position(2), first: Position(3), count: 1))
    try checkEnds(world)
  }
}
