import TestKit
import Testing

@testable import Engine

@Suite("A turn is bounded")
struct TurnBoundTests {
  private func scripts(readers: Int) -> [String: String] {
    var scripts: [String: String] = [:]
    for number in 0..<readers {
      scripts["r\(number).lua"] = """
        consumer "r\(number)" { from = "start", on = { Rare = function(event) emit("Seen", { by = \(number) }) end } }
        """
    }
    return scripts
  }

  @Test func `all readers together look at so many entries, and each has its turn`() throws {
    var settings = EngineSettings()
    settings.scanPerTurn = 200
    let world = try World(settings: settings)
    // Of so many types that nothing can be stepped over.
    for _ in 0..<20 {
      let batch = world.event("Common0", "s")
      for number in 1..<50 { world.add(to: batch, "Common\(number)", "s") }
      world.append(batch)
    }
    world.emit("Rare", "s")
    try world.settle()
    try world.deploy(scripts(readers: 12))
    func cursors() -> [UInt64] { world.core.runtimes.map(\.scanned) }
    var before = cursors()
    var turns = 0
    while try world.events(type: "Seen").count < 12, turns < 1000 {
      try world.turn()
      world.work()
      world.sync()
      let after = cursors()
      let looked = zip(after, before).reduce(0) { $0 + $1.0 - $1.1 }
      #expect(looked <= 200, "turn \(turns)")
      // Nobody is left behind: who had to stand back begins.
      #expect(after.max()! - after.min()! <= 200, "turn \(turns): \(after)")
      before = after
      turns += 1
    }
    #expect(try world.events(type: "Seen").count == 12)
    #expect(turns < 200)
    try world.settle()
    #expect(world.status.readers.allSatisfy { $0.lag == 0 })
  }

  @Test func `a reader that has nothing to do gets no batch, and its cursor is at the head`() throws {
    let world = try World(scripts: scripts(readers: 3))
    for _ in 0..<5 {
      world.emit("Common", "s")
      try world.settle()
    }
    #expect(world.core.runtimes.allSatisfy { $0.batchNumber == 0 })
    #expect(world.status.readers.allSatisfy { $0.lag == 0 })
  }
}
