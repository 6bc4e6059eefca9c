import Events
import LogStorage
import Platform
import TestKit
import Testing

@testable import Engine

@Suite("Appending")
struct AppendTests {
  @Test func `nobody is told before the sync`() throws {
    let world = try World()
    let answer = world.emit("OrderPlaced", "order-1")
    try world.turn()
    try world.turn()
    #expect(answer.value == nil)
    world.sync()
    try world.turn()
    #expect(answer.value == .appended(first: Position(1), last: Position(1), count: 1, duplicates: 0))
  }

  @Test func `requests of one turn share one commit and keep their order`() throws {
    let world = try World()
    let answers = (1...5).map { world.emit("OrderPlaced", "order-\($0)") }
    try world.settle()
    #expect(
      answers.map { $0.value }
        == (1...5).map {
          .appended(first: Position($0), last: Position($0), count: 1, duplicates: 0)
        })
    #expect(world.opened.reader.lastCommit == 1)
  }

  @Test func `the same identity is appended once, however late it comes again`() throws {
    let world = try World()
    world.emit("OrderPlaced", "order-1", id: "e1")
    try world.settle()
    for number in 2...50 { world.emit("OrderPlaced", "order-\(number)", id: "e\(number)") }
    try world.settle()
    let again = world.emit("OrderPlaced", "order-1", id: "e1")
    try world.settle()
    #expect(again.value == .appended(first: Position(1), last: Position(1), count: 1, duplicates: 1))
    #expect(try world.events().count == 50)
  }

  @Test func `the same identity with other data is refused, and names the first`() throws {
    let world = try World()
    world.emit("OrderPlaced", "order-1", #"{"n":1}"#, id: "e1")
    try world.settle()
    let other = world.emit("OrderPlaced", "order-1", #"{"n":2}"#, id: "e1")
    try world.settle()
    #expect(other.value == .conflict(index: 0, position: Position(1)))
    #expect(try world.events().count == 1)
  }

  @Test func `twins that arrive in the same turn are one event`() throws {
    let world = try World()
    let answers = [world.emit("OrderPlaced", "order-1", id: "e1"), world.emit("OrderPlaced", "order-1", id: "e1")]
    try world.settle()
    #expect(answers[0].value == .appended(first: Position(1), last: Position(1), count: 1, duplicates: 0))
    #expect(answers[1].value == .appended(first: Position(1), last: Position(1), count: 1, duplicates: 1))
    #expect(try world.events().count == 1)
  }

  @Test func `twins in one request are one event`() throws {
    let world = try World()
    let batch = world.event("OrderPlaced", "order-1", id: "e1")
    world.add(to: batch, "OrderPlaced", "order-2", id: "e2")
    world.add(to: batch, "OrderPlaced", "order-1", id: "e1")
    let answer = world.append(batch)
    try world.settle()
    #expect(answer.value == .appended(first: Position(1), last: Position(1), count: 3, duplicates: 1))
    #expect(try world.events().map(\.subject) == ["order-1", "order-2"])
  }

  @Test func `a request with one conflict appends nothing of it`() throws {
    let world = try World()
    world.emit("OrderPlaced", "order-1", #"{"n":1}"#, id: "e1")
    try world.settle()
    let batch = world.event("OrderPlaced", "order-2", id: "e2")
    world.add(to: batch, "OrderPlaced", "order-1", #"{"n":9}"#, id: "e1")
    let answer = world.append(batch)
    try world.settle()
    #expect(answer.value == .conflict(index: 1, position: Position(1)))
    #expect(try world.events().count == 1)
  }

  @Test func `chunks of a stream keep their order while one of them is looked up`() throws {
    let world = try World()
    world.emit("A", "s", id: "known")
    try world.settle()
    let stream = IngressStream()
    let first = world.event("A", "s", id: "known")
    world.add(to: first, "B", "s", id: "b1")
    world.append(first, stream: stream)
    world.append(world.event("C", "s", id: "c1"), stream: stream)
    try world.settle()
    #expect(try world.events().map(\.type) == ["A", "B", "C"])
  }

  @Test func `nothing of a stream is appended after a chunk that failed`() throws {
    let world = try World()
    world.emit("A", "s", #"{"n":1}"#, id: "known")
    try world.settle()
    let stream = IngressStream()
    let conflict = world.append(world.event("A", "s", #"{"n":2}"#, id: "known"), stream: stream)
    let after = world.append(world.event("C", "s", id: "c1"), stream: stream)
    try world.settle()
    #expect(conflict.value == .conflict(index: 0, position: Position(1)))
    #expect(after.value == .streamFailed)
    #expect(try world.events().count == 1)
  }

  @Test func `an expectation holds against durable events, fresh ones, and rivals of the same turn`() throws {
    let world = try World()
    world.emit("Deposited", "account-1")
    try world.settle()
    let wrong = world.append(world.event("Withdrawn", "account-1"), expecting: .start)
    try world.settle()
    #expect(wrong.value == .expectationFailed(actual: Position(1)))

    let winner = world.append(world.event("Withdrawn", "account-1"), expecting: Position(1))
    let loser = world.append(world.event("Withdrawn", "account-1"), expecting: Position(1))
    try world.settle()
    #expect(winner.value == .appended(first: Position(2), last: Position(2), count: 1, duplicates: 0))
    #expect(loser.value == .expectationFailed(actual: Position(2)))
  }

  @Test func `the same expectation again gets the same answer when it was met before`() throws {
    let world = try World()
    let first = world.append(world.event("Deposited", "account-1", id: "d1"), expecting: .start)
    try world.settle()
    let again = world.append(world.event("Deposited", "account-1", id: "d1"), expecting: .start)
    try world.settle()
    #expect(first.value == .appended(first: Position(1), last: Position(1), count: 1, duplicates: 0))
    #expect(again.value == .appended(first: Position(1), last: Position(1), count: 1, duplicates: 1))
  }

  @Test func `a chunk that has to wait for its turn is not overtaken by the next of its stream`() throws {
    let world = try World()
    let stream = IngressStream()
    world.emit("A", "s", id: "x")
    let first = world.event("A", "s", id: "x")
    world.add(to: first, "B", "s")
    world.append(first, stream: stream)
    world.append(world.event("C", "s"), stream: stream)
    try world.settle()
    #expect(try world.events().map(\.type) == ["A", "B", "C"])
  }

  @Test func `a full disk refuses appends, keeps everything, and recovers by itself (faults 27–29)`() throws {
    let world = try World(scripts: ["a.lua": World.forwarding])
    world.emit("Ping", "s-1")
    try world.settle()
    #expect(try world.events().map(\.type) == ["Ping", "Pong"])

    world.fileSystem.inject { call in
      call.operation == .write && call.path.contains("log/") ? .failAfter(bytes: 10, 28) : nil
    }
    let refused = world.emit("Ping", "s-2")
    try world.turn()
    #expect(refused.value == .noSpace && world.isFull)
    let alsoRefused = world.emit("Ping", "s-3")
    try world.turn()
    #expect(alsoRefused.value == .noSpace)

    world.fileSystem.inject(nil)
    world.clock.advance(microseconds: 1_000_000)
    let accepted = world.emit("Ping", "s-4")
    try world.settle()
    // The first request after the disk was full still finds it so; the next one tries.
    let again = world.emit("Ping", "s-4")
    try world.settle()
    #expect(!world.isFull)
    #expect([accepted.value, again.value].contains { if case .appended = $0 { true } else { false } })
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a refusal that names what is not durable waits for it`() throws {
    let world = try World()
    world.emit("OrderPlaced", "order-1", #"{"n":1}"#, id: "e1")
    try world.turn()
    let conflict = world.emit("OrderPlaced", "order-1", #"{"n":2}"#, id: "e1")
    let unexpected = world.append(world.event("OrderPaid", "order-1"), expecting: Position(0))
    for _ in 0..<4 { try world.turn() }
    #expect(conflict.value == nil && unexpected.value == nil)
    world.sync()
    try world.turn()
    #expect(conflict.value == .conflict(index: 0, position: Position(1)))
    #expect(unexpected.value == .expectationFailed(actual: Position(1)))
  }

  @Test func `a stop waits for requests that are with the reader thread`() throws {
    let world = try World()
    world.emit("OrderPlaced", "order-1", id: "e1")
    try world.settle()
    world.heldReads = []
    let again = world.emit("OrderPlaced", "order-1", id: "e1")
    try world.turn()
    let reads = try #require(world.heldReads)
    #expect(reads.count == 1)
    world.put(.stop)
    try world.settle()
    #expect(!world.core.isStopped && again.value == nil)
    for read in reads { world.put(read) }
    try world.settle()
    #expect(world.core.isStopped)
    #expect(again.value == .appended(first: Position(1), last: Position(1), count: 1, duplicates: 1))
  }

  @Test func `what operators do to a subject in the same turn is not overlooked by what is expected of it`() throws {
    let world = try World(scripts: [
      "a.lua": #"consumer "c" { retry = false, on = { Work = function() error("no") end } }"#
    ])
    world.emit("Work", "a")
    try world.settle()
    let last = try #require(try world.events().last?.position)
    world.heldReads = []
    world.resolve(.discard, .all(consumer: nil, key: nil))
    let answer = world.append(world.event("OrderPaid", "a"), expecting: Position(last))
    try world.turn()
    // Both come back in one turn.
    let reads = try #require(world.heldReads)
    #expect(reads.count == 2)
    world.heldReads = nil
    for read in reads { world.put(read) }
    try world.settle()
    #expect(answer.value == .expectationFailed(actual: Position(last + 1)))
  }
}

extension World {
  static let forwarding = """
    consumer "forward" {
      on = { Ping = function(event) emit("Pong", { n = event.data.n }) end },
    }
    """
}
