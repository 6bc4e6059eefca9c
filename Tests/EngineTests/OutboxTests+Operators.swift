import Events
import LogStorage
import Platform
import Scripts
import TestKit
import Testing
@testable import Engine

/// What operators and deploys do to destinations, and to whom their verbs speak.
extension OutboxTests {
  @Test func `a destination that begins misses nothing, and nobody is told that it would`() throws {
    let world = try World(scripts: ["a.lua": "consumer \"x\" { on = { Other = function() end } }"])
    world.emit("Other", "a")
    try world.settle()
    guard case .loaded(_, _, let notes)? = try world.deploy(["a.lua": Self.warehouse]) else {
      Issue.record("not loaded")
      return
    }
    #expect(notes.contains { $0.hasPrefix("orders begins at") })
    #expect(!notes.contains { $0.hasPrefix("warehouse begins at") })
  }

  @Test func `paused it lets finish what is under way and begins nothing, also after a restart`() throws {
    let world = try world()
    world.emit("Two", "a")
    try world.settle()
    world.act(.pause, on: "warehouse")
    try world.settle()
    world.answer()
    try world.settle()
    #expect(world.outgoing.isEmpty)
    world.fileSystem.restart(losing: .everything)
    let next = try World(scripts: ["a.lua": Self.warehouse], fileSystem: world.fileSystem)
    #expect(try next.settleAnswering() == [])
    next.act(.resume, on: "warehouse")
    #expect(try next.settleAnswering() == [#"warehouse a {"n":2} #1"#])
  }

  @Test func `what is under way when the script changes counts, and is not delivered again`() throws {
    let world = try world()
    world.emit("Two", "a")
    try world.settle()
    try world.deploy(["a.lua": Self.warehouse + "\n-- changed"])
    world.answer()
    #expect(try world.settleAnswering() == [#"warehouse a {"n":2} #1"#])
  }

  @Test func `a destination that is declared no more keeps its messages, and goes on when it is back`() throws {
    let world = try world()
    world.emit("Two", "a")
    try world.settle()
    try world.deploy(["b.lua": "consumer \"x\" { on = { Other = function() end } }"])
    world.answer { _ in World.unavailable() }
    try world.settle()
    world.clock.advance(microseconds: 10_000_000)
    try world.settle()
    #expect(world.outgoing.isEmpty)
    #expect(world.status.readers.first { $0.name == "warehouse" }?.pending == 2)
    try world.deploy(["a.lua": Self.warehouse])
    #expect(try world.settleAnswering() == [#"warehouse a {"n":1} #2"#, #"warehouse a {"n":2} #1"#])
  }

  @Test func `forgotten it drops what waits, and a rewind is refused`() throws {
    let world = try world()
    world.emit("Two", "a")
    try world.settle()
    world.answer { _ in World.refused() }
    try world.settle()
    let rewind = world.act(.rewind(to: .start), on: "warehouse")
    world.act(.forget, on: "warehouse")
    try world.settle()
    guard case .refused? = rewind.value else { Issue.record("\(String(describing: rewind.value))"); return }
    world.clock.advance(microseconds: 10_000_000)
    #expect(try world.settleAnswering() == [])
    #expect(world.core.control.reader(named: "warehouse", kind: .destination)?.pending == 0)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `forgetting counts a message once, whether it waits or is a dead letter`() throws {
    for verb in [nil, LetterVerb.skip] {
      let world = try worldWithLetters()
      world.act(.pause, on: "warehouse")
      world.emit("Placed", "b", #"{"n":2}"#)
      try world.settle()
      if let verb { world.resolve(verb, .all(consumer: "warehouse", key: nil)) }
      try world.settle()
      let before = try #require(world.core.control.reader(named: "warehouse", kind: .destination))
      #expect(before.letters.count == 1 && before.pending == 1)
      world.act(.forget, on: "warehouse")
      try world.settle()
      let after = try #require(world.core.control.reader(named: "warehouse", kind: .destination))
      #expect(after.letters.isEmpty && after.pending == 1, "the message to \"b\" is still to be delivered")
    }
  }

  // MARK: whom operators speak of

  /// A world with a letter of the consumer "orders" and one of "warehouse", under the key "a".
  private func worldWithLetters() throws -> World {
    let world = try world(
      Self.warehouse.replacing("attempts = 3", with: "attempts = 1")
        .replacing("consumer \"orders\" {", with: "consumer \"orders\" { retry = false,"))
    world.emit("Placed", "a", #"{"n":1}"#)
    try world.settle()
    world.answer { _ in World.refused() }
    try world.settle()
    world.emit("Broken", "a")
    try world.settle()
    return world
  }

  @Test func `letters of consumers and of destinations are listed apart`() throws {
    let world = try worldWithLetters()
    func page(_ scope: ReaderScope) -> LetterPage? { world.letters(LetterQuery(scope: scope)) }
    #expect(page(.consumers)?.letters.map(\.consumer) == ["orders"] && page(.consumers)?.total == 1)
    #expect(page(.destinations)?.letters.map(\.consumer) == ["warehouse"] && page(.destinations)?.total == 1)
    #expect(page(.all)?.total == 2)
    #expect(world.letters(LetterQuery(scope: .consumers, consumer: "warehouse")) == nil)
    #expect(world.letters(LetterQuery(scope: .destinations, consumer: "orders")) == nil)
  }

  @Test func `verbs on all of one kind, and on names and ids of the other, leave the other kind alone`() throws {
    let world = try worldWithLetters()
    let ids = try #require(world.letters()).letters.map(\.id)
    func act(_ verb: OperatorJob.Verb, in scope: ReaderScope) throws {
      world.put(.operate(OperatorJob(verb, in: scope, by: "test")))
      try world.settle()
    }
    let byID = Box<LetterOutcome>()
    try act(.letters(.discard, .ids(ids), complete: { byID.value = $0 }), in: .consumers)
    #expect(byID.value == .done(LetterReceipt(resolved: 1, notOpen: [ids[0]])))
    let all = Box<LetterOutcome>()
    try act(.letters(.discard, .all(consumer: nil, key: nil), complete: { all.value = $0 }), in: .consumers)
    #expect(all.value == .done(LetterReceipt()))
    let pause = Box<ReaderOutcome>()
    try act(.reader(.pause, name: "warehouse", complete: { pause.value = $0 }), in: .consumers)
    #expect(pause.value == .unknown)
    try act(.letters(.discard, .all(consumer: nil, key: nil), complete: { all.value = $0 }), in: .destinations)
    #expect(all.value == .done(LetterReceipt(resolved: 1)))
    let told = try world.events(type: "moondance.dead-letter.resolved").map(\.data)
    #expect(
      told.count == 2 && told[0].contains(#""consumer":"orders""#) && told[1].contains(#""destination":"warehouse""#))
  }

  @Test func `forgetting does not wait for a far side that is away`() throws {
    let world = try world()
    for n in 1...50 { world.emit("Placed", "o-\(n)", #"{"n":\#(n)}"#) }
    for _ in 0..<40 {
      try world.settle()
      world.answer { _ in World.unavailable() }
      try world.settle()
      world.clock.advance(microseconds: 10_000_000)
    }
    let forgotten = world.act(.forget, on: "warehouse")
    try world.settle()
    world.answer { _ in World.unavailable() }
    try world.settle()
    guard case .done? = forgotten.value else {
      Issue.record("\(String(describing: forgotten.value))")
      return
    }
  }
}
