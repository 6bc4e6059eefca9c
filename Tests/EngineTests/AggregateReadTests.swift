import Events
import LogStorage
import Scripts
import TestKit
import Testing

@testable import Engine

@Suite("What a handler reads of an aggregate is as of its event")
struct AggregateReadTests {
  /// Says after each deposit what the account has, and what the account it names has.
  private static func teller(from: String = "now", extra: String = "") -> [String: String] {
    [
      "account.lua": """
      aggregate "account" {
        initial = { balance = 0 },
        events = {
          Deposited = function(a, e) a.balance = a.balance + e.data.amount end,
          Withdrawn = function(a, e) a.balance = a.balance - e.data.amount end,
        },
        commands = {
          Withdraw = function(a, c)
            if a.balance < c.data.amount then reject("insufficient funds") end
            emit("Withdrawn", { amount = c.data.amount })
          end,
        },
      }
      """,
      "teller.lua": """
      consumer "teller" {
        from = "\(from)", reads = { "account" }, retry = { attempts = 9, first = "1s", factor = 1, jitter = 0 },
        on = { Deposited = function(event)
          \(extra)
          emit("Seen", {
            own = read("account", event.subject).balance, other = read("account", event.data.other).balance })
        end },
      }
      """,
    ]
  }

  private struct Deposit {
    var account: Int
    var other: Int
    var amount: Int
    /// A command that comes after it: it is decided, and its event is in the log before or after others.
    var withdraws: Int?
  }

  private static let deposits: [Deposit] = {
    var random = Seed(31)
    return (0..<800).map { _ in
      Deposit(
        account: random.below(7), other: random.below(9), amount: random.below(50),
        withdraws: random.below(3) == 0 ? random.below(60) : nil)
    }
  }()

  private struct Way {
    var from = "now"
    var workers = 1
    var store = ReadStore()
    var perCommit = 1
    var settleEvery = 1
    var restartEvery = Int.max
    var scripts = true
    var keepsStates = false
    var extra = ""
  }

  private func run(_ way: Way, then: (World) throws -> Void = { _ in }) throws -> World {
    let script = Self.teller(from: way.from, extra: way.extra)
    var settings = EngineSettings()
    settings.workers = way.workers
    var world = try World(
      scripts: way.scripts ? script : [:], settings: settings, keepsStates: way.keepsStates, store: way.store)
    var batch = EntryBatch(hash: world.opened.hash)
    var commits = 0
    for (number, deposit) in Self.deposits.enumerated() {
      world.add(
        to: batch, "Deposited", "a\(deposit.account)", #"{"amount":\#(deposit.amount),"other":"a\#(deposit.other)"}"#)
      if let amount = deposit.withdraws, way.scripts {
        world.send("Withdraw", "a\(deposit.account)", #"{"amount":\#(amount)}"#)
      }
      if batch.count < way.perCommit, number < Self.deposits.count - 1 { continue }
      world.append(batch)
      batch = EntryBatch(hash: world.opened.hash)
      commits += 1
      if commits % way.settleEvery == 0 { try world.settle() }
      if commits % way.restartEvery == 0 {
        try world.settle()
        let (fileSystem, clock) = (world.fileSystem, world.clock)
        fileSystem.restart(losing: .everything)
        world = try World(
          scripts: script, fileSystem: fileSystem, clock: clock, settings: settings, keepsStates: way.keepsStates)
        batch = EntryBatch(hash: world.opened.hash)
      }
    }
    try world.settle()
    if !way.scripts {
      try world.deploy(script)
      try world.settle()
    }
    try then(world)
    return world
  }

  /// Every answer is the sum of the account's events up to the one that was handled, as the log has them.
  private func check(_ way: Way, then: (World) throws -> Void = { _ in }) throws {
    let world = try run(way, then: then)
    var balances: [String: Int] = [:]
    var seen = Dictionary(uniqueKeysWithValues: try world.events(type: "Seen").map { ($0.cause, $0.data) })
    let others = Dictionary(grouping: Self.deposits.enumerated(), by: { $0.element.account }).mapValues {
      $0.map { "a\($0.element.other)" }
    }
    var next: [String: Int] = [:]
    for event in try world.events() {
      let sign = event.type == "Deposited" ? 1 : event.type == "Withdrawn" ? -1 : 0
      if sign == 0 { continue }
      let amount = Int(event.data.dropFirst(#"{"amount":"#.count).prefix { $0.isNumber }) ?? 0
      balances[event.subject, default: 0] += sign * amount
      if sign < 0 { continue }
      let place = next[event.subject, default: 0]
      next[event.subject] = place + 1
      let other = try #require(others[Int(event.subject.dropFirst())!]?[place])
      let expected = #"{"other":\#(balances[other, default: 0]),"own":\#(balances[event.subject]!)}"#
      #expect(seen.removeValue(forKey: event.position) == expected, "at \(event.position)")
    }
    #expect(seen.isEmpty && next.values.reduce(0, +) == Self.deposits.count)
    #expect(try world.misended().without.isEmpty)
  }

  @Test func `it is the same one by one, in one batch, and across ten restarts`() throws {
    try check(Way())
    try check(Way(perCommit: 1000))
    try check(Way(settleEvery: 800))
    try check(Way(settleEvery: 10, restartEvery: 79))
  }

  @Test func `it is the same on many workers, catching up, with nothing kept in memory and from kept states`() throws {
    try check(Way(workers: 4, perCommit: 50))
    try check(Way(from: "start", perCommit: 7, scripts: false))
    try check(Way(store: ReadStore(documentBytes: 0), perCommit: 20))
    try check(Way(settleEvery: 10, restartEvery: 79, keepsStates: true))
  }

  @Test func `a blocked event that is called again reads what it read at first`() throws {
    try check(Way(extra: "if event.data.amount % 7 == 0 then error(\"not now\") end")) { world in
      #expect(!world.failures.isEmpty)
      try world.deploy(Self.teller())
      try world.settle()
    }
  }

  @Test func `it is what the state at that position is, also of a subject with a kept state`() throws {
    let fileSystem = MemoryFileSystem()
    let clock = ManualClock()
    var world = try World(scripts: Self.teller(), fileSystem: fileSystem, clock: clock, keepsStates: true)
    for _ in 0..<24 {
      let batch = EntryBatch(hash: world.opened.hash)
      for _ in 0..<100 { world.add(to: batch, "Deposited", "a", #"{"amount":2,"other":"b"}"#) }
      world.append(batch)
      world.send("Withdraw", "a", #"{"amount":1}"#)
      try world.settle()
    }
    #expect(try fileSystem.list("data/aggregates").count == 1)
    fileSystem.restart(losing: .nothing)
    world = try World(scripts: Self.teller(), fileSystem: fileSystem, clock: clock, keepsStates: true)
    world.emit("Deposited", "a", #"{"amount":5,"other":"a"}"#)
    try world.settle()
    let last = try #require(try world.events(type: "Seen").last)
    #expect(last.data == #"{"other":4781,"own":4781}"#)
    let generation = try #require(world.core.generation)
    let reading = SubjectReading(log: world.opened.reader, snapshots: nil) { generation }
    for event in try world.events(type: "Seen") where event.cause % 97 == 0 || event == last {
      guard case .found(let report) = reading.read("account", Array("a".utf8), at: Position(event.cause)) else {
        Issue.record("no state at \(event.cause)")
        return
      }
      let state = String(decoding: report.state, as: UTF8.self)
      #expect(event.data.hasSuffix(#","own":\#(state.dropFirst(#"{"balance":"#.count))"#), "\(event) \(state)")
    }
  }

  @Test func `an event that cannot be folded is an error of whoever reads, until the aggregate is mended`() throws {
    func scripts(_ fold: String) -> [String: String] {
      [
        "a.lua": """
        aggregate "sum" { initial = { n = 0 }, events = { Added = function(s, e) \(fold) s.n = s.n + e.data.n end },
          commands = { Nothing = function() end } }
        """,
        "x.lua": """
        consumer "x" { reads = { "sum" }, retry = { attempts = 2, first = "1s" }, on = {
          Ask = function(event) emit("Is", { n = read("sum", event.subject).n }) end } }
        """,
      ]
    }
    let world = try World(scripts: scripts("if e.data.n < 0 then error(\"negative\") end"))
    world.emit("Added", "a", #"{"n":1}"#)
    world.emit("Ask", "a")
    world.emit("Added", "a", #"{"n":-5}"#)
    world.emit("Ask", "a")
    world.emit("Ask", "b")
    try world.settle()
    #expect(try world.events(type: "Is").map(\.data) == [#"{"n":1}"#, #"{"n":0}"#])
    world.clock.advance(microseconds: 10_000_000)
    try world.settle()
    let letter = try #require(world.letters()?.letters.first)
    let failure = try #require(world.failures.last)
    #expect(letter.key == KeyBytes("a") && failure.attempt == 2)
    let bad = try world.events(type: "Added")[1].position
    #expect(failure.message == "x.lua:2: read(\"sum\"): event \(bad) cannot be folded: a.lua:1: negative")
    try world.deploy(scripts(""))
    world.resolve(.retry, .ids([letter.id]))
    try world.settle()
    #expect(try world.events(type: "Is").map(\.data) == [#"{"n":1}"#, #"{"n":0}"#, #"{"n":-4}"#])
  }

  @Test func `older events are folded as their contract makes them`() throws {
    let world = try World(scripts: [
      "a.lua": "contract \"Paid\" { schema = { amount = \"integer\" } }\nconsumer \"x\" { on = { Z = function() end } }"
    ])
    world.emit("Paid", "a", #"{"amount":5}"#)
    try world.settle()
    try world.deploy([
      "a.lua": """
      contract "Paid" { version = 2, schema = { cents = "integer" },
        upcast = { [1] = function(data) return { cents = data.amount * 100 } end } }
      aggregate "paid" { initial = { cents = 0 }, events = { Paid = function(s, e) s.cents = s.cents + e.data.cents end },
        commands = { Nothing = function() end } }
      consumer "x" { reads = { "paid" }, on = { Ask = function(event) emit("Is", read("paid", event.subject)) end } }
      """
    ])
    world.emit("Paid", "a", #"{"amount":2}"#)
    world.emit("Ask", "a")
    try world.settle()
    #expect(try world.events(type: "Is").map(\.data) == [#"{"cents":700}"#])
  }

  /// The clock goes on by a millisecond whenever somebody looks at it.
  @Test func `reading that takes too long ends the call without an attempt, and goes on from there at the next`() throws
  {
    let clock = ManualClock(step: 1_000_000)
    let world = try World(
      scripts: [
        "a.lua": """
        projection "p" { key = "data.key", on = { A = function(d) d.n = (d.n or 0) + 1 end } }
        projection "q" { on = { A = function(d) d.n = (d.n or 0) + 1 end } }
        consumer "x" { reads = { "p", "q" }, retry = false, on = { B = function(event)
          emit("Is", { p = read("p", "k").n, q = read("q", "a").n })
        end } }
        """
      ], clock: clock, store: ReadStore(longestNanoseconds: 60_000_000))
    let batch = EntryBatch(hash: world.opened.hash)
    for _ in 0..<300 { world.add(to: batch, "A", "a", #"{"key":"k"}"#) }
    world.append(batch)
    world.emit("B", "a")
    var calls = 0
    while try world.events(type: "Is").isEmpty, calls < 60 {
      try world.settle()
      clock.advance(microseconds: 5_000_000)
      calls += 1
    }
    #expect(try world.events(type: "Is").map(\.data) == [#"{"p":300,"q":300}"#])
    // 300 keys and 600 folds, at most 60 in a call.
    #expect((15...30).contains(calls), "\(calls) calls")
    #expect(world.letters()?.letters.isEmpty == true && world.failures.allSatisfy { $0.attempt == 0 })
    #expect(
      world.failures.allSatisfy { $0.message.contains("takes longer than") } && world.failures.count == calls - 1,
      "\(world.failures)")
  }
}
