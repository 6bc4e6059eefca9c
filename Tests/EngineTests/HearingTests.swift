import Events
import LogStorage
import Scripts
import TestKit
import Testing
import VirtualPlatform

@testable import Engine

@Suite("A reader pays for what it hears")
struct HearingTests {
  /// Nothing but the last commit stays in memory.
  private func smallTail() -> EngineSettings {
    var settings = EngineSettings()
    settings.tailBytes = 1
    return settings
  }

  private let rare = [
    "rare.lua": #"consumer "rare" { from = "start", on = { Rare = function() emit("Seen", {}) end } }"#
  ]

  private func fill(_ world: World, _ count: Int, bytes: Int = 2) throws {
    let data = "\"" + String(repeating: "x", count: bytes - 2) + "\""
    for _ in 0..<count / 100 {
      let batch = world.event("Common", "s", data)
      for _ in 1..<100 { world.add(to: batch, "Common", "s", data) }
      world.append(batch)
      try world.settle()
    }
  }

  @Test(arguments: 0..<20) func `walking over a chunk gives what looking at each entry gives`(_ seed: Int) throws {
    var random = Seed(UInt64(seed))
    let world = try World()
    let types = (0..<(random.oneIn(3) ? 90 : random.below(12) + 1)).map { "Type\($0)" }
    let batch = EntryBatch(hash: world.opened.hash)
    for _ in 0..<(random.below(400) + 1) {
      let kind = random.oneIn(5) ? RecordKind.command : .event
      world.add(to: batch, types[random.below(types.count)], "s", kind: kind)
    }
    world.append(batch)
    try world.settle()
    let chunk = try #require(world.core.tail.chunks(from: 1)?.first)
    let chance = random.below(20) + 1
    let heard = (types + ["Other"]).filter { _ in random.oneIn(chance) } + ["Never"]
    // Types that are told in full are looked up, if they are few.
    let patterns = random.oneIn(2) ? heard : heard + [#"["Type1*"]"#]
    let entries = patterns.map { "\($0) = function() end" }.joined(separator: ", ")
    let scripts = try Generation.load([
      SourceFile(path: "a.lua", text: "consumer \"a\" { on = { \(entries) } }")
    ]).get()
    var hearing = HearingTable(scripts.consumers[0], hash: world.opened.hash)
    var wanted: [UInt64] = []
    for position in chunk.firstPosition.rawValue...chunk.lastPosition.rawValue {
      let entry = chunk.entry(Position(position))
      if entry.rawKind == RecordKind.event.rawValue, scripts.consumers[0].handler(forType: entry.type) != nil {
        wanted.append(position)
      }
    }
    var found: [UInt64] = []
    var through: UInt64 = 0
    while through < chunk.lastPosition.rawValue {
      // It stops anywhere and begins again from where it stopped.
      var budget = random.below(40) + 1
      var walk = HeardEntries(chunk, after: through, kind: .event, &hearing, &budget)
      budget = random.below(40) + 1
      if random.oneIn(2) { _ = walk.pass(&hearing, &budget) }
      while let (position, handler) = walk.next(&hearing, &budget) {
        found.append(position)
        #expect(Int(handler) == scripts.consumers[0].handler(forType: chunk.entry(Position(position)).type))
        if random.oneIn(10) { break }
      }
      through = walk.through
    }
    #expect(found == wanted, "seed \(seed)")
  }

  @Test func `a rare type behind the tail is found by the index, and what lies before it is not read`() throws {
    let world = try World(settings: smallTail())
    try fill(world, 1000)
    world.emit("Rare", "s")
    try world.settle()
    try fill(world, 1000)
    world.heldReads = []
    try world.deploy(rare)
    try world.turn()
    let reads = try #require(world.heldReads)
    world.heldReads = nil
    guard case .fetched(_, .chunk(let chunk?, from: 1, before: 1001, _))? = reads.first else {
      Issue.record("\(reads)")
      return
    }
    #expect(chunk.firstPosition <= Position(1001) && chunk.contains(Position(1001)))
    for read in reads { world.put(read) }
    try world.settle()
    #expect(try world.events(type: "Seen").count == 1)
    #expect(world.status.readers[0].lag == 0)
  }

  @Test func `when nothing of what is heard is left behind the tail, nothing of it is read`() throws {
    let world = try World(settings: smallTail())
    try fill(world, 1000)
    world.heldReads = []
    try world.deploy(rare)
    try world.turn()
    let reads = try #require(world.heldReads)
    world.heldReads = nil
    guard case .fetched(_, .chunk(nil, from: 1, before: _, _))? = reads.first else {
      Issue.record("\(reads)")
      return
    }
    for read in reads { world.put(read) }
    try world.settle()
    #expect(world.status.readers[0].lag == 0)
  }

  @Test func `of the chunks that were read those stay that were wanted last`() throws {
    let world = try World()
    try fill(world, 300)
    let chunks = Array(try #require(world.core.tail.chunks(from: 1)))
    #expect(chunks.count == 3)
    let largest = try #require(chunks.map(\.footprint).max())
    var recent = RecentChunks(limit: 2 * largest)
    recent.add(chunks[0])
    recent.add(chunks[1])
    #expect(recent.chunk(holding: Position(1)) === chunks[0])
    recent.add(chunks[2])
    #expect(recent.chunk(holding: Position(100)) === chunks[0])
    #expect(recent.chunk(holding: Position(101)) == nil)
    #expect(recent.chunk(holding: Position(300)) === chunks[2])
    recent.forget()
    #expect(recent.isEmpty && recent.chunk(holding: Position(1)) == nil)
  }

  @Test func `a reader goes from what was read for it over to the tail, however far that reaches`() throws {
    let world = try World(settings: smallTail())
    for _ in 0..<10 {
      world.emit("Rare", "s")
      try world.settle()
    }
    world.heldReads = []
    try world.deploy(rare)
    try world.turn()
    let reads = try #require(world.heldReads)
    world.heldReads = nil
    guard case .fetched(_, .chunk(let chunk?, from: _, before: _, _))? = reads.first else {
      Issue.record("\(reads)")
      return
    }
    #expect(chunk.contains(Position(world.core.tail.first)))
    for read in reads { world.put(read) }
    try world.settle()
    #expect(try world.events(type: "Seen").count == 10)
    #expect(world.status.readers[0].lag == 0)
  }

  @Test func `what was found for another cursor or other types moves nobody`() throws {
    let world = try World(settings: smallTail())
    world.emit("Early", "s")
    try fill(world, 500)
    world.emit("Rare", "s")
    try fill(world, 500)
    world.heldReads = []
    try world.deploy(rare)
    try world.turn()
    let reads = try #require(world.heldReads)
    #expect(reads.count == 1)
    world.heldReads = nil
    // The answer comes after a deploy that hears more.
    try world.deploy([
      "rare.lua": """
      consumer "rare" { from = "start",
        on = { Rare = function() emit("Seen", {}) end, Early = function() emit("Seen", {}) end } }
      """
    ])
    for read in reads { world.put(read) }
    try world.settle()
    #expect(try world.events(type: "Seen").count == 2)

    // And after a rewind.
    world.heldReads = []
    world.act(.rewind(to: Position(400)), on: "rare")
    try world.settle()
    let second = try #require(world.heldReads)
    world.act(.rewind(to: Position(1)), on: "rare")
    try world.settle()
    world.heldReads = nil
    for read in second { world.put(read) }
    try world.settle()
    #expect(try world.events(type: "Seen").count == 4)
  }

  @Test func `what was passed unheard behind a batch that is out is heard by a deploy that hears it`() throws {
    let world = try World(settings: smallTail())
    world.emit("Rare", "s")
    try fill(world, 500, bytes: 3000)
    world.emit("Early", "s")
    try fill(world, 500, bytes: 3000)
    world.emit("Rare", "s")
    try fill(world, 500, bytes: 3000)
    world.heldReads = []
    try world.deploy(rare)
    try world.turn()
    world.put(try #require(world.heldReads?.last))
    world.heldReads = []
    try world.turn()
    #expect(world.out.count == 1)
    // The batch is out, and nothing is heard between it and the next rare event.
    let next = try #require(world.heldReads?.last)
    guard case .fetched(_, .chunk(_, from: _, before: 1003, _)) = next else {
      Issue.record("\(next)")
      return
    }
    world.put(next)
    world.heldReads = nil
    try world.turn()
    try world.deploy([
      "rare.lua": """
      consumer "rare" { from = "start",
        on = { Rare = function() emit("Seen", {}) end, Early = function() emit("Seen", {}) end } }
      """
    ])
    try world.settle()
    #expect(try world.events(type: "Seen").map(\.cause) == [1, 502, 1003])
  }
}
