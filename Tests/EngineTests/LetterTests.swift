import Events
import LogStorage
import Platform
import TestKit
import Testing

@testable import Engine

@Suite("Dead letters")
struct LetterTests {
  /// Fails until now() reaches data.until (ms).
  static let blocking = """
    consumer "c" {
      retry = { attempts = 2, first = "1s", jitter = 0 },
      on = { Work = function(event)
        if now() < (event.data["until"] or 0) then error("not yet") end
        emit("Done", { n = event.data.n })
      end },
    }
    """
  static let skipping = blocking.replacing("attempts = 2", with: "attempts = 1")
    .replacing("retry", with: "exhausted = \"skip\", retry")

  private func done(_ world: World) throws -> [String] { try world.events(type: "Done").map(\.data) }

  /// A world in which the first of three events of key "a" has become a dead letter.
  private func worldWithLetter(_ scripts: String = blocking) throws -> World {
    let world = try World(scripts: ["a.lua": scripts])
    let until = world.clock.wallMicroseconds() / 1000 + 10_000
    world.emit("Work", "a", #"{"n":1,"until":\#(until)}"#)
    world.emit("Work", "a", #"{"n":2}"#)
    world.emit("Work", "a", #"{"n":3}"#)
    try world.settle()
    world.clock.advance(microseconds: 1_000_001)
    try world.settle()
    return world
  }

  private func resolve(_ world: World, _ verb: LetterVerb, _ selection: LetterSelection) throws -> LetterOutcome? {
    let answer = world.resolve(verb, selection)
    try world.settle()
    return answer.value
  }

  @Test func `a dead letter is told of by an event that scripts can hear`() throws {
    let world = try World(scripts: [
      "a.lua": Self.blocking.replacing("attempts = 2", with: "attempts = 1"),
      "b.lua": """
      consumer "alarm" { on = { ["moondance.dead-letter"] = function(event)
        emit("Alarm", { of = event.data.consumer, at = event.cause, error = event.data.error })
      end } }
      """,
    ])
    world.emit("Work", "a", #"{"until":9999999999999}"#)
    try world.settle()
    let letter = try #require(try world.events(type: "moondance.dead-letter").first)
    #expect(letter.subject == "a")
    #expect(letter.cause == 1)
    let id = try #require(world.letters()?.letters.first?.id)
    #expect(letter.data.contains(#""id":"\#(id)","consumer":"c","key":"a","position":1,"type":"Work","attempts":1"#))
    #expect(try world.events(type: "Alarm").map(\.data) == [#"{"at":1,"error":"a.lua:4: not yet","of":"c"}"#])
  }

  @Test func `the host's own events make no further ones when they fail`() throws {
    let world = try World(scripts: [
      "a.lua": """
      consumer "c" { retry = false, on = {
        Work = function() error("one") end, ["moondance.dead-letter"] = function() error("two") end } }
      """
    ])
    world.emit("Work", "a")
    try world.settle()
    #expect(try world.events(type: "moondance.dead-letter").count == 1)
    #expect(world.letters()?.total == 1)
    // Both have key "a": the host's event waits behind the letter, and becomes one when that is out of the way.
    _ = try resolve(world, .discard, .all(consumer: nil, key: nil))
    #expect(try world.events(type: "moondance.dead-letter").count == 1)
    #expect(world.letters()?.total == 1)
  }

  @Test func `retry calls the letter again, before its followers, with all its attempts`() throws {
    let world = try worldWithLetter()
    let id = try #require(world.letters()?.letters.first?.id)
    #expect(world.letters()?.letters.first?.waiting == 2)
    #expect(try resolve(world, .retry, .ids([id])) == .done(LetterReceipt(resolved: 1)))
    #expect(world.failures.map(\.attempt) == [1, 2, 1])
    #expect(world.letters()?.letters == [])
    world.clock.advance(microseconds: 10_000_000)
    try world.settle()
    #expect(try done(world) == [#"{"n":1}"#, #"{"n":2}"#, #"{"n":3}"#])
    let resolved = try world.events(type: "moondance.dead-letter.resolved")
    #expect(resolved.map(\.cause) == [1])
    #expect(
      resolved.first?.data
        == #"{"id":"\#(id)","consumer":"c","key":"a","position":1,"how":"retried","by":"test"}"#)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a verb again on the same letter changes nothing`() throws {
    let world = try worldWithLetter()
    let id = try #require(world.letters()?.letters.first?.id)
    _ = try resolve(world, .discard, .ids([id]))
    #expect(try resolve(world, .discard, .ids([id])) == .done(LetterReceipt(notOpen: [id])))
    #expect(try resolve(world, .retry, .ids([id])) == .done(LetterReceipt(notOpen: [id])))
    #expect(try done(world) == [#"{"n":2}"#, #"{"n":3}"#])
  }

  @Test func `skip lets the followers go on and keeps the letter`() throws {
    let world = try worldWithLetter()
    let id = try #require(world.letters()?.letters.first?.id)
    #expect(try resolve(world, .skip, .ids([id])) == .done(LetterReceipt(resolved: 1)))
    #expect(try done(world) == [#"{"n":2}"#, #"{"n":3}"#])
    #expect(world.letters()?.letters.map(\.isBlocking) == [false])
    #expect(try resolve(world, .skip, .ids([id])) == .done(LetterReceipt(unchanged: 1)))
    world.clock.advance(microseconds: 10_000_000)
    #expect(try resolve(world, .retry, .ids([id])) == .done(LetterReceipt(resolved: 1)))
    #expect(try done(world) == [#"{"n":2}"#, #"{"n":3}"#, #"{"n":1}"#])
    #expect(world.letters()?.total == 0)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a letter that was skipped by itself is retried in the place that its position gives`() throws {
    let world = try World(scripts: ["a.lua": Self.skipping])
    let until = world.clock.wallMicroseconds() / 1000 + 10_000
    world.emit("Work", "a", #"{"n":1,"until":\#(until)}"#)
    world.emit("Work", "a", #"{"n":2}"#)
    try world.settle()
    #expect(try done(world) == [#"{"n":2}"#])
    world.act(.pause, on: "c")
    try world.settle()
    world.clock.advance(microseconds: 10_000_000)
    _ = try resolve(world, .retry, .all(consumer: "c", key: nil))
    world.emit("Work", "a", #"{"n":3}"#)
    world.act(.resume, on: "c")
    try world.settle()
    #expect(try done(world) == [#"{"n":2}"#, #"{"n":1}"#, #"{"n":3}"#])
  }

  @Test func `the log tells every attempt with its time, error and script`() throws {
    let world = try worldWithLetter()
    let id = try #require(world.letters()?.letters.first?.id)
    let history = try #require(try FailureHistory.read(id, from: world.opened.reader))
    #expect(history.attempts.map(\.unit.attempt) == [2, 1])
    #expect(history.attempts.allSatisfy { $0.unit.message.contains("not yet") && $0.generation == 1 })
    #expect(history.attempts[0].unit.time > history.attempts[1].unit.time)
    #expect(history.attempts[0].unit.scriptHash != nil)
    #expect(try FailureHistory.read(LetterID(commit: 1, index: 0), from: world.opened.reader) == nil)
    _ = try resolve(world, .retry, .ids([id]))
    world.clock.advance(microseconds: 1_000_001)
    try world.settle()
    let next = try #require(world.letters()?.letters.first?.id)
    #expect(try FailureHistory.read(next, from: world.opened.reader)?.attempts.map(\.unit.attempt) == [2, 1, 2, 1])
  }

  @Test func `the failures of many letters are read in order, and ids that the log never gave are passed over`() throws
  {
    let world = try World(scripts: [
      "a.lua": #"consumer "a" { retry = false, on = { Work = function(e) error("no " .. e.subject) end } }"#
    ])
    // Letters of one commit, of commits close together, and far apart.
    for round in 0..<3 {
      for number in 0..<4 { world.emit("Work", "s\(round)-\(number)") }
      try world.settle()
      for _ in 0..<200 * round {
        world.emit("Other", "o")
        try world.turn()
      }
      try world.settle()
    }
    let letters = try #require(world.letters()?.letters)
    #expect(letters.count == 12)
    let ids = letters.map(\.id)
    let unknown =
      [LetterID(commit: 1, index: 0), LetterID(commit: ids[0].commit, index: 99), ids[0].before]
      + [LetterID(commit: ids[11].commit + 1, index: 0), LetterID(commit: .max, index: 0)]
    var seen: [(LetterID, FailureHistory.Attempt)] = []
    try FailureHistory.forEach(of: (ids + unknown).sorted(), in: world.opened.reader) { id, reader, attempt in
      #expect(reader == 1)
      seen.append((id, attempt))
      return true
    }
    #expect(seen.map(\.0) == ids)
    #expect(seen.map(\.1.unit.position) == letters.map(\.position.rawValue))
    #expect(seen.allSatisfy { $0.1.unit.message.hasSuffix("no \($0.1.unit.key)") })
    var count = 0
    try FailureHistory.forEach(of: ids, in: world.opened.reader) { _, _, _ in
      count += 1
      return count < 6
    }
    #expect(count == 6)
  }

  @Test func `a history that is too long ends early and says so`() throws {
    let world = try World(scripts: [
      "a.lua": #"""
      consumer "a" { retry = { attempts = 5, first = "1s", jitter = 0 }, on = { Work = function(e) error("no") end } }
      """#
    ])
    world.emit("Work", "a")
    try world.settle()
    for _ in 0..<5 {
      world.clock.advance(microseconds: 60_000_000)
      try world.settle()
    }
    let id = try #require(world.letters()?.letters.first?.id)
    func check(limit: Int = 1000, limitBytes: Int = 1 << 20, _ attempts: [UInt32], isComplete: Bool) throws {
      let history = try FailureHistory.read(id, from: world.opened.reader, limit: limit, limitBytes: limitBytes)
      #expect(history?.attempts.map(\.unit.attempt) == attempts)
      #expect(history?.isComplete == isComplete)
    }
    try check([5, 4, 3, 2, 1], isComplete: true)
    try check(limit: 5, [5, 4, 3, 2, 1], isComplete: true)
    try check(limit: 2, [5, 4], isComplete: false)
    try check(limitBytes: 0, [5], isComplete: false)
  }

  @Test(arguments: ["", "0", "x", "1.", ".1", "1.2.3", "-1", "+1", "1 ", "1.4294967295", "18446744073709551616", "１"])
  func `what is no id of a letter is none`(text: String) { #expect(LetterID(text) == nil) }

  @Test(arguments: [("8123", 8123, 0), ("8123.2", 8123, 2), ("1.4294967294", 1, 4_294_967_294)])
  func `an id has one text, and the list goes on after any id`(text: String, commit: UInt64, index: UInt32) throws {
    let id = try #require(LetterID(text))
    #expect(id == LetterID(commit: commit, index: index) && id.description == text)
    #expect(id.before < id)
    let world = try World(scripts: ["a.lua": #"consumer "a" { on = { Work = function() end } }"#])
    #expect(world.letters(LetterQuery(after: id))?.letters == [])
    #expect(world.letters(LetterQuery(after: id.before))?.letters == [])
  }

  @Test func `the list comes in pages, of one consumer or one key`() throws {
    let world = try World(scripts: [
      "a.lua": #"consumer "a" { retry = false, on = { Work = function() error("no") end } }"#,
      "b.lua": #"consumer "b" { exhausted = "skip", on = { Work = function() fail("never") end } }"#,
    ])
    for number in 0..<10 { world.emit("Work", "s\(number)") }
    try world.settle()
    var seen: [LetterSummary] = []
    var query = LetterQuery(limit: 3)
    while let page = world.letters(query), !page.letters.isEmpty {
      #expect(page.total == 20)
      seen += page.letters
      query.after = page.next
      if page.next == nil { break }
    }
    #expect(seen.count == 20)
    #expect(seen.map(\.id) == seen.map(\.id).sorted())
    #expect(world.letters(LetterQuery(consumer: "b"))?.letters.count == 10)
    #expect(world.letters(LetterQuery(key: KeyBytes("s3")))?.letters.map(\.consumer).sorted() == ["a", "b"])
    #expect(world.letters(LetterQuery(consumer: "nobody")) == nil)
  }

  @Test func `a key that had two letters and is free keeps its order when it fails again`() throws {
    let world = try World(scripts: ["a.lua": Self.blocking.replacing("attempts = 2", with: "attempts = 1")])
    let until = world.clock.wallMicroseconds() / 1000 + 10_000
    for number in 1...2 { world.emit("Work", "a", #"{"n":\#(number),"until":\#(until)}"#) }
    try world.settle()
    _ = try resolve(world, .skip, .all(consumer: "c", key: nil))
    #expect(world.letters()?.letters.map(\.isBlocking) == [false, true])
    _ = try resolve(world, .discard, .all(consumer: "c", key: nil))
    #expect(world.letters()?.total == 0)
    world.emit("Work", "a", #"{"n":3,"until":\#(until)}"#)
    try world.settle()
    world.emit("Work", "a", #"{"n":4}"#)
    try world.settle()
    #expect(try done(world).isEmpty)
    world.clock.advance(microseconds: 10_000_001)
    _ = try resolve(world, .retry, .all(consumer: "c", key: nil))
    #expect(try done(world) == [#"{"n":3}"#, #"{"n":4}"#])
  }

  @Test func `thousands of letters are resolved in several commits, in the order of their keys`() throws {
    let world = try World(scripts: [
      "a.lua":
        #"consumer "a" { retry = false, on = { Work = function(e) if e.generation ~= 1 then error("no") end end } }"#
    ])
    for number in 0..<2500 { world.emit("Work", "s\(number)") }
    try world.settle()
    #expect(world.letters()?.total == 2500)
    try world.deploy(["a.lua": #"consumer "a" { on = { Work = function(e) emit("Done", {}) end } }"#])
    #expect(world.letters()?.total == 2500)
    world.fileSystem.clearTrace()
    #expect(try resolve(world, .retry, .all(consumer: nil, key: nil)) == .done(LetterReceipt(resolved: 2500)))
    let reads = world.fileSystem.trace.count { $0.operation == .read }
    #expect(reads < 100, "a commit is read once for all of its letters: \(reads) reads")
    #expect(try world.events(type: "Done").count == 2500)
    #expect(world.reader("a")?.blockedKeys == 0)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a type that is not heard any more is resolved as not heard`() throws {
    let world = try World(scripts: ["a.lua": Self.blocking])
    world.emit("Work", "a", #"{"until":9999999999999}"#)
    world.emit("Work", "a")
    try world.settle()
    try world.deploy(["a.lua": #"consumer "c" { on = { Other = function() end } }"#])
    try world.settle()
    #expect(world.reader("c")?.blockedKeys == 0)
    var unheard: [UInt64] = []
    try world.opened.reader.replay(fromCommit: 1) { commit in
      for record in commit.records where record.kind == .progress {
        unheard += ProgressRecord(FieldReader(record: record.whole))?.unheard.flatMap(\.positions) ?? []
      }
      return true
    }
    #expect(unheard == [1, 2])
  }

  @Test func `an immediate first retry is made at once, the next ones wait`() throws {
    let world = try World(scripts: [
      "a.lua": #"""
      consumer "c" { retry = { attempts = 4, first = "0s", jitter = 0 }, on = { Work = function() error("no") end } }
      """#
    ])
    world.emit("Work", "a")
    try world.settle()
    #expect(world.failures.map(\.attempt) == [1, 2])
    world.clock.advance(microseconds: 200_001)
    try world.settle()
    #expect(world.failures.map(\.attempt) == [1, 2, 3])
    world.clock.advance(microseconds: 400_001)
    try world.settle()
    #expect(world.failures.map(\.attempt) == [1, 2, 3, 4])
  }

  @Test func `at the bound of waiting events the reader stops, says so, and reads on when there is room`() throws {
    var settings = EngineSettings()
    settings.queueLimit = 100
    let world = try World(scripts: ["a.lua": Self.blocking], settings: settings)
    let until = world.clock.wallMicroseconds() / 1000 + 500
    world.emit("Work", "a", #"{"until":\#(until)}"#)
    for number in 0..<1000 { world.emit("Work", "a", #"{"n":\#(number)}"#) }
    world.emit("Work", "b", #"{"n":-1}"#)
    try world.settle()
    let reader = try #require(world.reader("c"))
    #expect(reader.state == "full")
    #expect(reader.queued < 400)
    #expect(reader.note?.contains("100") == true)
    world.clock.advance(microseconds: 1_000_001)
    try world.settle()
    #expect(try done(world).count == 1002)
    #expect(world.reader("c")?.state == "running")
  }

  @Test func `a letter costs a key that nobody waits for nothing`() throws {
    let world = try worldWithLetter()
    for number in 10..<20 { world.emit("Work", "free", #"{"n":\#(number)}"#) }
    try world.settle()
    #expect(try done(world).count == 10)
    #expect(world.reader("c")?.queued == 3)
  }

  @Test func `an event is told of that was given up with its worker although it was not in memory`() throws {
    var settings = EngineSettings()
    settings.tailBytes = 1
    let world = try World(
      scripts: ["a.lua": Self.blocking.replacing("attempts = 2", with: "attempts = 2, cap = \"1s\"")],
      settings: settings)
    world.emit("Work", "a", #"{"until":9999999999999}"#)
    try world.settle()
    world.emit("Other", "b")
    try world.settle()
    world.clock.advance(microseconds: 1_000_001)
    try world.turn()
    world.loseWorker()
    try world.settle()
    #expect(world.letters()?.letters.map(\.position.rawValue) == [1])
    #expect(try world.events(type: "moondance.dead-letter").map(\.cause) == [1])
  }

  @Test func `a letter that is retried before a follower brings its own failure along`() throws {
    let world = try World(scripts: ["a.lua": Self.skipping])
    world.emit("Work", "a", #"{"n":1,"until":9999999999999}"#)
    try world.settle()
    let id = try #require(world.letters()?.letters.first?.id)
    // A follower that is blocked and not yet called: its own predecessor has just been discarded.
    try world.deploy(["a.lua": Self.blocking.replacing("attempts = 2", with: "attempts = 1")])
    world.emit("Work", "a", #"{"n":2,"until":9999999999999}"#)
    world.emit("Work", "a", #"{"n":3,"until":9999999999999}"#)
    try world.settle()
    let second = try #require(world.letters()?.letters.last?.id)
    world.act(.pause, on: "c")
    try world.settle()
    #expect(try resolve(world, .discard, .ids([second])) == .done(LetterReceipt(resolved: 1)))
    #expect(try resolve(world, .retry, .ids([id])) == .done(LetterReceipt(resolved: 1)))
    let blocked = try #require(world.core.control.readers[0].blocked[KeyBytes("a")])
    #expect(blocked.failure == id)
    #expect(blocked.queue.first == 1)
    #expect(blocked.queue.count >= 2)
  }

  @Test func `what a verb found before it read is not counted twice`() throws {
    let world = try World(scripts: [
      "a.lua": #"consumer "c" { retry = false, exhausted = "skip", on = { Work = function() error("no") end } }"#
    ])
    world.emit("Work", "a")
    world.emit("Work", "b")
    try world.settle()
    let ids = try #require(world.letters()?.letters.map(\.id))
    world.heldReads = []
    // The first closes one of the letters that the second was asked for, while the second waits for its turn.
    let first = world.resolve(.discard, .ids([ids[0]]))
    let second = world.resolve(.discard, .ids(ids))
    for _ in 0..<6 {
      try world.turn()
      let reads = world.heldReads ?? []
      world.heldReads = []
      for read in reads { world.put(read) }
    }
    try world.settle()
    #expect(first.value == .done(LetterReceipt(resolved: 1)))
    #expect(second.value == .done(LetterReceipt(resolved: 1, notOpen: [ids[0]])))
  }
}
