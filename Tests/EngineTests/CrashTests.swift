import Events
import LogStorage
import TestKit
import Testing

@testable import Engine

@Suite("Crashes")
struct CrashTests {
  /// Runs a small day of work with a crash before every single call to the file system, one world per crash.
  @Test func `acknowledged events and each reaction are there exactly once, wherever the power goes`() throws {
    let calls = try callsOfADay()
    #expect(calls > 20)
    for crash in 0..<calls {
      for loss in [MemoryFileSystem.Loss.everything, .nothing, .some(Seed(UInt64(crash)))] {
        try day(crashingAt: crash, loss: loss)
      }
    }
  }

  private func callsOfADay() throws -> Int {
    let fileSystem = MemoryFileSystem()
    try work(in: try World(scripts: ["a.lua": World.forwarding], fileSystem: fileSystem), acknowledged: Box())
    return fileSystem.trace.count
  }

  private func work(in world: World, acknowledged: Box<[String]>) throws {
    acknowledged.value = []
    for round in 0..<6 {
      let answers = (0..<4).map { number in
        let id = "e\(round)-\(number)"
        return (id, world.emit("Ping", "s-\(number % 3)", #"{"n":\#(round * 4 + number)}"#, id: id))
      }
      defer {
        for (id, answer) in answers {
          if case .appended? = answer.value { acknowledged.value?.append(id) }
        }
      }
      try world.turn()
      if round % 2 == 0 { world.work() }
      world.sync()
      try world.turn()
      world.work()
      try world.turn()
    }
    try world.settle()
  }

  private func day(crashingAt crash: Int, loss: MemoryFileSystem.Loss) throws {
    let fileSystem = MemoryFileSystem()
    let clock = ManualClock()
    fileSystem.inject { $0.index == crash ? .crash : nil }
    let acknowledged = Box<[String]>()
    do {
      try work(
        in: try World(scripts: ["a.lua": World.forwarding], fileSystem: fileSystem, clock: clock),
        acknowledged: acknowledged)
    } catch {
      // The crash, in whichever words.
    }
    fileSystem.inject(nil)
    fileSystem.restart(losing: loss)

    let world = try World(scripts: ["a.lua": World.forwarding], fileSystem: fileSystem, clock: clock)
    try world.settle()
    // The client sends everything again that it has no answer to; what is in already is a duplicate.
    try work(in: world, acknowledged: Box())
    let pings = try world.events(type: "Ping")
    let pongs = try world.events(type: "Pong")
    #expect(pings.count == 24, "crash before call \(crash), \(loss)")
    #expect(pongs.map(\.cause) == pings.map(\.position), "crash before call \(crash), \(loss)")
    #expect(try world.foldFromNothing() == world.core.control, "crash before call \(crash), \(loss)")
  }

  @Test func `a stop in good order leaves nothing to be done again`() throws {
    let fileSystem = MemoryFileSystem()
    let clock = ManualClock()
    do {
      let world = try World(scripts: ["a.lua": World.forwarding], fileSystem: fileSystem, clock: clock)
      for number in 0..<10 { world.emit("Ping", "s-\(number)") }
      world.emit("Unheard", "s")
      try world.turn()
      world.put(.stop)
      try world.settle()
      #expect(world.core.isStopped)
    }
    fileSystem.restart(losing: .everything)
    let world = try World(scripts: ["a.lua": World.forwarding], fileSystem: fileSystem, clock: clock)
    #expect(world.reader("forward")?.cursor == world.core.control.position)
    try world.settle()
    #expect(try world.events(type: "Pong").count == 10)
  }
}
