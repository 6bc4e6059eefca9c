import Events
import LogStorage
import Scripts
import TestKit
import Testing

@testable import Engine

/// Whatever the far side does, and whenever the power goes: at least once, in order for each key, and what the log says is
/// delivered is not delivered again.
@Suite("The outbox under chaos") struct OutboxChaosTests {
  static let script = """
    destination "far" {
      file = "far.ndjson", concurrency = 3, retry = { attempts = 4, first = "50ms", jitter = 0 }, exhausted = "skip"
    }
    consumer "orders" { on = { Placed = function(e) publish("far", { n = e.data.n }) end } }
    """

  @Test(arguments: 1...25) func `every message arrives, in order, or is a dead letter`(seed: Int) throws {
    var chaos = Chaos(seed: UInt64(seed))
    try chaos.run()
  }

  struct Chaos {
    var seed: Seed
    let number: UInt64
    let files = MemoryFileSystem()
    let clock = ManualClock()
    var world: World
    /// By key: what was delivered, in the order in which the far side got it.
    var got: [Substring: [Int]] = [:]
    /// What the log has recorded as delivered when the host last said so.
    var placed: [Int: Int] = [:]
    var down = false

    init(seed number: UInt64) {
      (self.number, seed) = (number, Seed(number))
      world = try! World(scripts: ["a.lua": OutboxChaosTests.script], fileSystem: files, clock: clock)
    }

    mutating func run() throws {
      var n = 0
      for _ in 0..<120 {
        for _ in 0..<seed.below(4) {
          n += 1
          placed[n] = n % 5
          world.emit("Placed", "k\(n % 5)", #"{"n":\#(n)}"#, id: "\(n)")
        }
        try step()
        if seed.oneIn(25) { try restart() }
        if seed.oneIn(15) { down.toggle() }
        if seed.oneIn(30) { world.act(seed.oneIn(2) ? .pause : .resume, on: "far") }
        if seed.oneIn(40) { try world.deploy(["a.lua": OutboxChaosTests.script + "\n-- \(n)"]) }
        clock.advance(microseconds: Int64(seed.below(100_000)))
      }
      down = false
      world.act(.resume, on: "far")
      // Events whose commit was lost with the power come again, as their senders would send them.
      for (n, key) in placed.sorted(by: { $0.key < $1.key }) {
        world.emit("Placed", "k\(key)", #"{"n":\#(n)}"#, id: "\(n)")
      }
      for _ in 0..<400 {
        try world.settle()
        end(all: true)
        try world.settle()
        if world.core.control.reader(named: "far", kind: .destination)?.pending == 0 { break }
        clock.advance(microseconds: 300_000)
      }
      try judge()
    }

    private mutating func step() throws {
      try world.turn()
      if !seed.oneIn(3) { world.work() }
      if !seed.oneIn(3) { world.sync() }
      end(all: false)
      try world.turn()
    }

    /// Some of what is under way ends, in any order.
    private mutating func end(all: Bool) {
      for order in world.outgoing.shuffled(using: &seed) where all || seed.oneIn(2) {
        world.outgoing.removeAll { $0.serial == order.serial && $0.position == order.position }
        let outcome: DeliveryOutcome
        let message = order.chunk!.entry(Position(order.position))
        let key = Substring(message.subject.text)
        let n = Int(message.data.text.filter(\.isNumber))!
        if down {
          outcome = World.unavailable()
        } else if !all, seed.oneIn(6) {
          // It may have arrived although there was no answer.
          if seed.oneIn(2) { got[key, default: []].append(n) }
          outcome = seed.oneIn(4) ? World.refused("429", retryAfter: 1_000_000) : World.refused()
        } else {
          got[key, default: []].append(n)
          outcome = .delivered(nil)
        }
        world.put(.delivered(order.report(outcome, order.chunk)))
      }
    }

    private mutating func restart() throws {
      let loss: MemoryFileSystem.Loss = seed.oneIn(2) ? .everything : .some(seed)
      files.restart(losing: loss)
      world = try World(scripts: [:], fileSystem: files, clock: clock)
      try world.deploy(["a.lua": OutboxChaosTests.script])
    }

    private func judge() throws {
      let reader = try #require(world.core.control.reader(named: "far", kind: .destination))
      #expect(reader.pending == 0 && reader.blocked.isEmpty, "seed \(number): \(reader.pending) wait")
      #expect(try world.foldFromNothing() == world.core.control, "seed \(number)")
      let published = try messages()
      let dead = Set(try letters())
      for (key, order) in published {
        // Repeats aside, what a key got is in the order of the log; a message that was given up may have come or not.
        var seen: Set<Int> = []
        let first = got[key, default: []].filter { seen.insert($0).inserted }
        let wanted = order.filter { seen.contains($0) || !dead.contains($0) }
        #expect(first == wanted, "seed \(number), key \(key)")
      }
    }

    private func messages() throws -> [Substring: [Int]] {
      var found: [Substring: [Int]] = [:]
      try world.opened.reader.replay(fromCommit: 1) { commit in
        for record in commit.records where record.takesPosition && record.kind == .message {
          found[Substring(record.entry.subject.text), default: []].append(
            Int(record.entry.data.text.filter(\.isNumber))!)
        }
        return true
      }
      return found
    }

    private func letters() throws -> [Int] {
      let positions = world.letters(LetterQuery(limit: 1000))?.letters.map(\.position) ?? []
      return try positions.map { position in
        let chunk = try #require(try world.opened.reader.chunk(from: position, limitBytes: 1, through: position))
        return Int(chunk.entry(position).data.text.filter(\.isNumber))!
      }
    }
  }
}
