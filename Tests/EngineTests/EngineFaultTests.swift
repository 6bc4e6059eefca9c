import DequeModule
import Events
import Glibc
import LogStorage
import Platform
import TestKit
import Testing

@testable import Engine

/// Faults of docs/faults.md that the engine has to cope with, whatever its files do about them.
@Suite("Faults around the engine")
struct EngineFaultTests {
  @Test func `row 33: a consumer whose part of the log cannot be read waits there and skips nothing`() throws {
    var settings = EngineSettings()
    settings.tailBytes = 1
    let world = try World(settings: settings)
    for number in 0..<500 {
      world.emit("Ping", "s-\(number % 10)")
      if number % 50 == 0 { try world.settle() }
    }
    try world.settle()
    world.fileSystem.inject { $0.operation == .read && $0.path.hasSuffix(".seg") ? .fail(EIO) : nil }
    try world.deploy(["a.lua": #"consumer "all" { from = "start", on = { Ping = function() emit("Pong", {}) end } }"#])
    for _ in 0..<3 {
      try world.settle()
      world.clock.advance(microseconds: 1_000_001)
    }
    #expect(world.reader("all")?.cursor == 0)
    #expect(world.warnings.contains { $0.contains("all cannot read the log") })
    // Appends go on meanwhile.
    let append = world.emit("Other", "s-1")
    try world.settle()
    #expect(append.value != nil)

    world.fileSystem.inject(nil)
    world.clock.advance(microseconds: 1_000_001)
    try world.settle()
    #expect(try world.events(type: "Pong").map(\.cause) == Array(1...500))
  }

  @Test func `row 33: a blocked event that cannot be read back counts no attempt`() throws {
    var settings = EngineSettings()
    settings.tailBytes = 1
    let world = try World(
      scripts: [
        "a.lua": #"consumer "c" { retry = { attempts = 2, jitter = 0 }, on = { Ping = function() error("no") end } }"#
      ], settings: settings)
    world.emit("Ping", "s-1")
    try world.settle()
    for number in 0..<100 { world.emit("Other", "s-\(number)") }
    try world.settle()
    world.fileSystem.inject { $0.operation == .read && $0.path.hasSuffix(".seg") ? .fail(EIO) : nil }
    world.clock.advance(microseconds: 300_000)
    try world.settle()
    #expect(world.failures.map(\.attempt) == [1, 1])
    #expect(world.failures.last?.kind == .host)
    #expect(world.reader("c")?.deadLetters == 0)
    world.fileSystem.inject(nil)
    world.clock.advance(microseconds: 1_100_000)
    try world.settle()
    #expect(world.failures.map(\.attempt) == [1, 1, 2])
    #expect(world.reader("c")?.deadLetters == 1)
  }

  @Test func `rows 27–29: whether there is room again is found out without anybody asking, and told once`() throws {
    let world = try World(scripts: ["a.lua": World.forwarding])
    func status() throws -> [String] {
      try world.turn()
      return world.status.warnings
    }
    world.fileSystem.inject { $0.operation == .write && $0.path.contains("log/") ? .failAfter(bytes: 10, ENOSPC) : nil }
    world.emit("Ping", "s-1")
    try world.turn()
    for _ in 0..<10 {
      #expect(try status() == ["the disk is full: appends are refused until there is room"])
      // Refused also in the very turn in which it looks again.
      world.clock.advance(microseconds: 500_001)
      let refused = world.emit("Ping", "s-1")
      try world.turn()
      #expect(refused.value == .noSpace)
    }
    let before = world.core.control.commit
    world.fileSystem.inject(nil)
    world.clock.advance(microseconds: 500_001)
    #expect(try status() == [])
    #expect(world.core.control.commit == before, "nothing is written to find it out")
    #expect(world.warnings.count { $0.contains("the disk is full") } == 1)
    #expect(world.warnings.count { $0.contains("room on the disk again") } == 1)
    world.emit("Ping", "s-1")
    try world.settle()
    #expect(try world.events().map(\.type) == ["Ping", "Pong"])
    #expect(try world.foldFromNothing() == world.core.control)
  }

  // MARK: clocks

  /// Fails until the time that the event names, in ms.
  private static let patient = """
    consumer "patient" {
      retry = { attempts = 1000, first = "100ms", factor = 1, jitter = 0 },
      on = { Ping = function(event)
        if now() < event.recorded + 500 then error("not yet") end
        emit("Pong", {})
      end },
    }
    """

  private func commitTimes(_ world: World) throws -> [Int64] {
    var times: [Int64] = []
    try world.opened.reader.replay(fromCommit: 1) { commit in
      times.append(commit.time)
      return true
    }
    return times
  }

  @Test(arguments: [3_600_000_000, -3_600_000_000, 50 * 365 * 86_400_000_000] as [Int64])
  func `rows 42–43: a clock that jumps changes no order, moves no commit time back, and loses no retry`(jump: Int64)
    throws
  {
    let world = try World(scripts: ["a.lua": Self.patient])
    world.emit("Ping", "s-1")
    try world.settle()
    world.emit("Ping", "s-2")
    world.clock.jump(microseconds: jump)
    try world.settle()
    let isFar = abs(jump) > 86_400_000_000
    #expect(world.status.warnings.count == (jump < 0 || isFar ? 1 : 0))
    // Long enough for a clock that went back to catch up.
    for _ in 0..<80 {
      world.clock.advance(microseconds: max(200_000, -jump / 60))
      try world.settle()
    }
    #expect(try world.events(type: "Pong").map(\.cause).sorted() == [1, 2])
    let times = try commitTimes(world)
    #expect(times == times.sorted())
    let span = times.last! - times[0]
    #expect(isFar ? span < 3_600_000_000 : span >= 3_600_000_000 || jump < 0)
    if isFar {
      world.clock.jump(microseconds: -jump)
      try world.settle()
      #expect(world.status.warnings == [])
      #expect(world.warnings.contains("the clock of this machine is right again"))
    }
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `row 43: a clock before the last commit at start is told, and time stands still`() throws {
    let (files, clock) = (MemoryFileSystem(), ManualClock())
    do {
      let world = try World(scripts: ["a.lua": World.forwarding], fileSystem: files, clock: clock)
      world.emit("Ping", "s-1")
      try world.settle()
    }
    files.restart(losing: .everything)
    clock.jump(microseconds: -7_200_000_000)
    let world = try World(scripts: ["a.lua": World.forwarding], fileSystem: files, clock: clock)
    world.emit("Ping", "s-1")
    try world.settle()
    #expect(world.warnings.contains { $0.contains("2 hours before the last commit") })
    let times = try commitTimes(world)
    #expect(times == times.sorted())
    #expect(try world.events(type: "Pong").count == 2)
  }

  // MARK: many at once

  @Test func `row 44: while very many keys are due at once appends are served in between`() throws {
    let world = try World(scripts: [
      "a.lua": #"""
      consumer "c" { retry = { first = "1h", jitter = 0 }, on = {
        Ping = function(event) if now() < event.recorded + 1000 then error("not yet") end emit("Pong", {}) end } }
      """#
    ])
    let keys = 25_000
    for first in stride(from: 0, to: keys, by: 1000) {
      let batch = EntryBatch(hash: world.opened.hash)
      for number in first..<(first + 1000) { world.add(to: batch, "Ping", "s-\(number)") }
      world.append(batch)
    }
    try world.settle()
    #expect(world.reader("c")?.blockedKeys == keys)
    world.clock.advance(microseconds: 3_600_000_001)
    let first = world.emit("Other", "s")
    try world.turn()
    world.sync()
    try world.turn()
    #expect(first.value != nil, "the first turn takes it, although all of them are due")
    #expect(world.out.reduce(0) { $0 + $1.retriedKeys.count } <= EngineCore.retriesPerBatch)
    try world.settle()
    #expect(world.reader("c")?.blockedKeys == 0)
    #expect(try world.events(type: "Pong").count == keys)
  }

  @Test func `a million events behind a thousand blocked keys take little more than their eight bytes each`() async {
    // In a process of its own, where nothing else takes memory meanwhile.
    await #expect(processExitsWith: .success) {
      let (keys, followers) = (1000, 1_000_000)
      var reader = ReaderState(number: 1, kind: .consumer, name: "c", cursor: 0, hearing: [], keyRule: "")
      let before = residentBytes()
      // As batches bring them: a few for each of some keys at a time.
      var position: UInt64 = 0
      var commit: UInt64 = 0
      while position < UInt64(followers) {
        var record = ProgressRecord(reader: 1, through: position + 4000)
        for key in 0..<keys {
          let positions = (0..<4).map { position + UInt64(key) + 1 + UInt64($0 * keys) }
          record.queued.append(.init(key: KeyBytes("subject-\(key)"), positions: positions))
        }
        position += 4000
        commit += 1
        try reader.apply(record, commit: commit)
      }
      let bytes = residentBytes() - before
      precondition(reader.blocked.unitCount == followers && reader.blocked.count == keys)
      check(bytes, of: followers, isBelow: 16)
    }
  }

  @Test func `a blocked key without followers takes some hundred bytes`() async {
    await #expect(processExitsWith: .success) {
      let keys = 100_000
      var reader = ReaderState(number: 1, kind: .consumer, name: "c", cursor: 0, hearing: [], keyRule: "")
      let before = residentBytes()
      for key in 0..<keys {
        var record = ProgressRecord(reader: 1, through: UInt64(key + 1))
        record.queued = [.init(key: KeyBytes("subject-\(key)"), positions: [UInt64(key + 1)])]
        try reader.apply(record, commit: UInt64(key + 1))
      }
      let bytes = residentBytes() - before
      precondition(reader.blocked.count == keys)
      check(bytes, of: keys, isBelow: 400)
    }
  }
}

/// Ends the process when there are `limit` bytes for each or more. A sanitizer fences what is in use and holds back what
/// was freed: under it the bytes say nothing.
private func check(_ bytes: Int, of count: Int, isBelow limit: Int) {
  precondition(Slowness.factor > 1 || bytes < limit * count, "\(Double(bytes) / Double(count)) bytes each")
}

/// What this process has in memory, in bytes.
private func residentBytes() -> Int {
  let file = open("/proc/self/statm", O_RDONLY)
  defer { close(file) }
  var text = [UInt8](repeating: 0, count: 128)
  let count = read(file, &text, text.count)
  let fields = text.prefix(max(0, count)).split(separator: UInt8(ascii: " "))
  return fields.count > 1 ? (Int(String(decoding: fields[1], as: UTF8.self)) ?? 0) * 4096 : 0
}
