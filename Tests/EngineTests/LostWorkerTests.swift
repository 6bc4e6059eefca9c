import Events
import LogStorage
import TestKit
import Testing

@testable import Engine

/// The engine's half of a lost worker; `WorkerPoolTests` has the threads' half.
@Suite("Calls that do not come back")
struct LostWorkerTests {
  static let patient = """
    consumer "patient" {
      retry = { attempts = 3, first = "1s", factor = 1, jitter = 0 },
      on = { Work = function(event) emit("Done", { n = event.data.n }) end },
    }
    """

  private func done(_ world: World) throws -> [String] { try world.events(type: "Done").map(\.data) }

  private func world(settings: EngineSettings = EngineSettings()) throws -> World {
    let world = try World(scripts: ["a.lua": Self.patient], settings: settings)
    world.emit("Work", "a", #"{"n":1}"#)
    world.emit("Work", "b", #"{"n":2}"#)
    world.emit("Work", "a", #"{"n":3}"#)
    try world.turn()
    return world
  }

  @Test func `the batch never happened, the unit fails uncalled, and its key waits while the others go on`() throws {
    let world = try world()
    let batch = world.out[0]
    world.put(.workerLost(batch, unit: 0, seconds: 2))
    try world.turn()
    #expect(world.out.count == 2 && world.out[1].number == 2)
    #expect(world.warnings.first?.contains("patient did not come back") == true)
    // The old batch comes in late, whole: it is dropped.
    world.work(reversed: true)
    try world.settle()
    #expect(try done(world) == [#"{"n":2}"#])
    #expect(world.failures.map(\.position) == [1])
    #expect(world.failures.first?.kind == .time)
    #expect(world.failures.first?.message.contains("within 2 s") == true)
    #expect(world.reader("patient")?.queued == 2)
    #expect(world.reader("patient")?.state == "stuck")
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a result of the void batch is dropped even if it is complete`() throws {
    let world = try world()
    let batch = world.out[0]
    world.work()
    #expect(batch.shards.allSatisfy { $0.done == $0.units.count })
    // It was given up before it was handed in.
    let late = world.holdInputs()
    world.put(.workerLost(batch, unit: 0, seconds: 2))
    try world.turn()
    for input in late { world.put(input) }
    try world.settle()
    #expect(try done(world) == [#"{"n":2}"#])
  }

  @Test
  func `while the call is not back each try fails uncalled, up to the dead letter, and then order is kept`() throws {
    let world = try world()
    let batch = world.out[0]
    world.put(.workerLost(batch, unit: 0, seconds: 2))
    try world.settle()
    for _ in 0..<2 {
      world.clock.advance(microseconds: 1_000_001)
      try world.settle()
    }
    #expect(world.failures.map(\.attempt) == [1, 2, 3])
    #expect(world.reader("patient")?.deadLetters == 1)
    world.put(.workerBack(batch, unit: 0))
    try world.settle()
    #expect(world.reader("patient")?.state == "running")
    world.resolve(.retry, .all(consumer: "patient", key: nil))
    try world.settle()
    #expect(try done(world) == [#"{"n":2}"#, #"{"n":1}"#, #"{"n":3}"#])
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a call that comes back before its failure is in the log fails once and is then called again`() throws {
    let world = try world()
    let batch = world.out[0]
    world.put(.workerLost(batch, unit: 0, seconds: 2))
    world.put(.workerBack(batch, unit: 0))
    try world.settle()
    #expect(world.failures.count == 1)
    world.clock.advance(microseconds: 1_000_001)
    try world.settle()
    #expect(world.failures.count == 1)
    #expect(try done(world) == [#"{"n":2}"#, #"{"n":1}"#, #"{"n":3}"#])
  }

  @Test func `new code is called, whatever became of the old call`() throws {
    let world = try world()
    world.put(.workerLost(world.out[0], unit: 0, seconds: 2))
    try world.settle()
    try world.deploy(["a.lua": Self.patient + "\n-- mended"])
    try world.settle()
    #expect(world.reader("patient")?.state == "running")
    #expect(try done(world) == [#"{"n":2}"#, #"{"n":1}"#, #"{"n":3}"#])
  }

  @Test func `a call of old code that is given up after the deploy is no failure of the new code`() throws {
    let world = try world()
    let batch = world.out[0]
    try world.deploy(["a.lua": Self.patient + "\n-- mended"])
    world.put(.workerLost(batch, unit: 0, seconds: 2))
    try world.settle()
    #expect(world.failures.isEmpty)
    #expect(try done(world) == [#"{"n":1}"#, #"{"n":2}"#, #"{"n":3}"#])
  }

  @Test func `two calls of one batch may be lost, found one after the other`() throws {
    let world = try world()
    let batch = world.out[0]
    world.put(.workerLost(batch, unit: 0, seconds: 2))
    try world.turn()
    world.put(.workerLost(batch, unit: 1, seconds: 2))
    // The next batch, which does not know of the second yet, loses another worker to it.
    world.put(.workerLost(world.out[1], unit: 1, seconds: 2))
    try world.settle()
    #expect(try done(world) == [])
    #expect(Set(world.failures.map(\.position)) == [1, 2])
    for lost in [(batch, 0), (batch, 1)] { world.put(.workerBack(lost.0, unit: lost.1)) }
    try world.settle()
    #expect(world.reader("patient")?.state == "stuck", "one is not back yet")
  }

  @Test func `a reader that has left too many calls behind is called for nothing until one is back`() throws {
    let world = try World(scripts: ["a.lua": Self.patient])
    var lost: [Batch] = []
    for number in 1...EngineCore.mostLostCalls {
      world.emit("Work", "s-\(number)", #"{"n":\#(number)}"#)
      try world.turn()
      let batch = world.out.last!
      lost.append(batch)
      world.put(.workerLost(batch, unit: batch.units.count - 1, seconds: 2))
      if number < EngineCore.mostLostCalls { try world.settle() } else { try world.turn() }
    }
    world.work()
    world.emit("Work", "other", #"{"n":9}"#)
    try world.settle()
    #expect(try done(world) == [])
    #expect(world.reader("patient")?.note?.contains("4 calls have not come back") == true)
    world.put(.workerBack(lost[0], unit: 0))
    try world.settle()
    #expect(try done(world) == [#"{"n":9}"#])
    #expect(world.failures.count == 4)
    #expect(world.reader("patient")?.note == nil)
  }

  @Test func `a lost retry is due again, and a lost key function fails its own event only`() throws {
    let source = """
      consumer "keyed" {
        retry = { attempts = 5, first = "1s", factor = 1, jitter = 0 },
        key = function(event) return event.data.key end,
        on = { Work = function(event) emit("Done", { n = event.data.n }) end },
      }
      """
    let world = try World(scripts: ["a.lua": source])
    world.emit("Work", "", #"{"n":1,"key":"x"}"#)
    world.emit("Work", "", #"{"n":2,"key":"y"}"#)
    try world.turn()
    let keying = world.out[0]
    #expect(keying.needsKeys)
    world.put(.workerLost(keying, unit: 0, seconds: 2))
    try world.settle()
    #expect(try done(world) == [#"{"n":2}"#])
    world.put(.workerBack(keying, unit: 0))
    world.clock.advance(microseconds: 1_000_001)
    try world.turn()
    try world.turn()
    // The retry is lost in its turn, in the same place.
    let retry = world.out.last!
    #expect(retry.needsKeys)
    world.put(.workerLost(retry, unit: 0, seconds: 2))
    try world.settle()
    #expect(world.failures.map(\.attempt) == [1, 2])
    world.put(.workerBack(retry, unit: 0))
    world.clock.advance(microseconds: 1_000_001)
    try world.settle()
    #expect(try done(world) == [#"{"n":2}"#, #"{"n":1}"#])
    #expect(world.reader("keyed")?.blockedKeys == 0)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a verb waits for the call to be given up and is done then`() throws {
    let world = try world()
    let paused = world.act(.pause, on: "patient")
    try world.turn()
    #expect(paused.value == nil)
    world.put(.workerLost(world.out[0], unit: 0, seconds: 2))
    try world.turn()
    world.sync()
    try world.turn()
    guard case .done(let receipt)? = paused.value else {
      return #expect(Bool(false), "\(String(describing: paused.value))")
    }
    #expect(receipt.changed && receipt.state == "paused")
  }

  @Test func `a stop does not wait for ever, and what was out is done after the next start`() throws {
    let fileSystem = MemoryFileSystem()
    let clock = ManualClock()
    do {
      let world = try World(scripts: ["a.lua": Self.patient], fileSystem: fileSystem, clock: clock)
      world.emit("Work", "a", #"{"n":1}"#)
      try world.turn()
      let batch = world.out[0]
      world.put(.stop)
      try world.turn()
      world.sync()
      try world.turn()
      #expect(!world.core.isStopped)
      world.put(.stopWaiting)
      try world.turn()
      world.sync()
      try world.turn()
      #expect(world.core.isStopped)
      #expect(batch.isVoid)
    }
    fileSystem.restart(losing: .everything)
    let world = try World(scripts: ["a.lua": Self.patient], fileSystem: fileSystem, clock: clock)
    try world.settle()
    #expect(try done(world) == [#"{"n":1}"#])
  }
}
