import Events
import LogStorage
import Scripts
import TestKit
import Testing

@testable import Engine

/// A group that is larger than the log allows ends the host, and it would meet the same event after every start.
@Suite("What one event does fits a commit")
struct CommitSizeTests {
  @Test func `a start that names more than an instance can listen to fails`() throws {
    let lists = (1...100).map { "T\($0) = \"data.all\"" }.joined(separator: ", ")
    let world = try World(scripts: [
      "p.lua": """
      process "p" {
        starts = "Start", hears = { "Go", \(lists) }, retry = false,
        run = function() await "Go" emit("Gone") end,
      }
      """
    ])
    let subjects = (1...1000).map { "\"\(String(repeating: "s", count: 240))\($0)\"" }.joined(separator: ",")
    world.emit("Start", "a", #"{"all":[\#(subjects)]}"#)
    world.emit("Start", "b", #"{"all":["s"]}"#)
    world.emit("Go", "b")
    try world.settle()
    #expect(world.letters()?.letters.map(\.key) == [KeyBytes("a")])
    #expect(world.failures.map(\.kind) == [.limit])
    #expect(try world.events(type: "Gone").map(\.subject) == ["b"])
  }

  @Test func `an instance that cannot listen to all that new scripts name stays`() throws {
    func scripts(_ names: Int) -> [String: String] {
      let lists = (1...names).map { "T\($0) = \"data.all\"" }.joined(separator: ", ")
      return [
        "p.lua": """
        process "p" { starts = "Start", hears = { "Go", \(lists) }, run = function() await "Go" emit("Gone") end }
        """
      ]
    }
    let world = try World(scripts: scripts(1))
    let subjects = (1...100).map { "\"\(String(repeating: "s", count: 240))\($0)\"" }.joined(separator: ",")
    world.emit("Start", "a", #"{"all":[\#(subjects)]}"#)
    try world.settle()
    try world.deploy(scripts(3))
    world.emit("Go", "a")
    try world.settle()
    #expect(try world.events(type: "Gone").count == 1)
    #expect(world.failures.isEmpty)
  }

  @Test func `an event to which more instances listen than can be queued in one commit is a dead letter`() throws {
    var options = LogOptions()
    options.limits.maxGroupBytes = 1_250_000
    let world = try World(
      scripts: [
        "p.lua": """
        process "p" {
          starts = "Start", hears = { "Go", Changed = "data.all" }, retry = { attempts = 2, first = "1s", jitter = 0 },
          run = function()
            while true do
              if await({ "Go", "Changed" }).type == "Go" then return end
              emit("Told")
            end
          end,
        }
        """
      ], options: options)
    let name = String(repeating: "i", count: 240)
    var count = 0
    func start(_ more: Int) throws {
      let batch = EntryBatch(hash: world.opened.hash)
      for _ in 0..<more {
        count += 1
        world.add(to: batch, "Start", "\(name)\(count)", #"{"all":"one"}"#)
      }
      world.append(batch)
      try world.settle()
    }
    for _ in 0..<3 { try start(500) }
    let event = world.emit("Changed", "one")
    world.emit("Go", "\(name)1")
    try world.settle()
    world.clock.advance(microseconds: 1_000_001)
    try world.settle()
    #expect(try world.events(type: "Told").isEmpty)
    guard case .appended(let first, _, _, _)? = event.value else {
      Issue.record("\(String(describing: event.value))")
      return
    }
    #expect(world.letters()?.letters.map(\.position) == [first])
    #expect(world.failures.last?.kind == .limit)
    #expect(world.failures.first?.message == "1500 instances listen to its subject: more than fit one commit")
    #expect(world.core.control.readers[0].open.count == count - 1)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `many events whose keys are known late, and all fail, are tried some at a time`() throws {
    func scripts(_ key: String, _ retry: String) -> [String: String] {
      [
        "c.lua": """
        consumer "c" {
          retry = \(retry), key = function(event) \(key) end,
          on = { Work = function(event) error(("x"):rep(4000)) end },
        }
        """
      ]
    }
    let world = try World(scripts: scripts(#"error("no")"#, #"{ first = "1h" }"#))
    let batch = EntryBatch(hash: world.opened.hash)
    for number in 1...20 { world.add(to: batch, "Work", "w-\(number)") }
    world.append(batch)
    try world.settle()
    #expect(world.core.control.readers[0].blocked.count == 20)
    try world.deploy(
      scripts("local keys = {} for i = 1, 100 do keys[i] = event.subject .. i end return keys", "false"))
    world.work()
    try world.turn()
    #expect(world.out.first?.units.count == 100 * EngineCore.unkeyedPerBatch)
    try world.settle()
    #expect(world.letters()?.total == 2000)
  }

  // MARK: groups

  private static func small() -> LogOptions {
    var options = LogOptions()
    options.limits.maxGroupBytes = 2 << 20
    return options
  }

  @Test func `what many aggregates have decided in one turn may take several groups`() throws {
    let script = (1...5).map { number in
      """
      aggregate "a\(number)" {
        commands = { Fill\(number) = function() for i = 1, 8 do emit("Filled", { text = ("x"):rep(60000) }) end end },
      }
      """
    }
    let world = try World(scripts: ["a.lua": script.joined(separator: "\n")], options: Self.small())
    let sent = (1...5).map { world.send("Fill\($0)", "s\($0)") }
    try world.turn()
    #expect(world.out.count == 5)
    try world.settle()
    for sent in sent {
      guard case .accepted(_, _, 8)? = sent.outcome else {
        Issue.record("\(String(describing: sent.outcome))")
        continue
      }
    }
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `large batches at the door and large ones of readers take turns`() throws {
    var settings = EngineSettings()
    settings.turnBytes = 1 << 20
    let world = try World(
      scripts: [
        "c.lua": """
        consumer "c" {
          on = { Work = function() for i = 1, 8 do emit("Filled", { text = ("x"):rep(60000) }) end end },
        }
        """
      ], options: Self.small(), settings: settings)
    for number in 1...3 { world.emit("Work", "w-\(number)") }
    try world.turn()
    world.work()
    let text = String(repeating: "y", count: 400_000)
    let answers = (0..<4).map { _ in
      let batch = EntryBatch(hash: world.opened.hash)
      for number in 1...3 { world.add(to: batch, "Large", "l-\(number)", #"{"text":"\#(text)"}"#) }
      return world.append(batch)
    }
    for _ in 0..<2 {
      try world.turn()
      world.sync()
    }
    #expect(try world.events(type: "Filled").count == 24)
    #expect(try world.events(type: "Large").count == 3)
    try world.settle()
    #expect(answers.allSatisfy { if case .appended? = $0.value { true } else { false } })
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `many large answers that come at once take several commits, and nothing is sent twice`() throws {
    let world = try World(scripts: [
      "p.lua": """
      destination "bank" { http = "http://127.0.0.1:1/", concurrency = 100 }
      process "p" {
        starts = "Start",
        run = function()
          local reply = request("bank", { path = "/", body = {} })
          emit("Told", { status = reply.status })
        end,
      }
      """
    ])
    for number in 1...100 { world.emit("Start", "i-\(number)") }
    try world.settle()
    #expect(world.outgoing.count == 100)
    let body = Array((#""\#(String(repeating: "b", count: 250_000))""#).utf8)
    // Some of them are recorded as under way before they come back.
    world.clock.advance(microseconds: 10_000)
    let rest = Array(world.outgoing.suffix(30))
    world.outgoing.removeLast(30)
    world.answer { _ in .delivered(DeliveryReply(status: 200, headers: [:], body: body)) }
    try world.settle()
    #expect(world.outgoing.isEmpty)
    world.outgoing = rest
    let told = try world.settleAnswering { _ in .delivered(DeliveryReply(status: 200, headers: [:], body: body)) }
    #expect(told.count == 30)
    #expect(try world.events(type: "Told").count == 100)
    #expect(world.core.control.readers.allSatisfy { $0.blocked.isEmpty })
    #expect(world.status.readers.allSatisfy { $0.pending == 0 })
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `failures among many large answers are told too`() throws {
    let world = try World(scripts: [
      "c.lua": """
      destination "bank" { http = "http://127.0.0.1:1/", concurrency = 100, retry = { attempts = 2, first = "1s" } }
      consumer "c" {
        on = {
          Start = function() request("bank", { path = "/", body = {} }, { reply = "Answered" }) end,
          Answered = function(e) emit("Told", { status = e.data.status, error = e.data.error }) end,
        },
      }
      """
    ])
    for number in 1...60 { world.emit("Start", "i-\(number)") }
    try world.settle()
    let body = Array((#""\#(String(repeating: "b", count: 250_000))""#).utf8)
    var failing = 0
    func end() throws {
      world.answer { order in
        if order.attempt == 2 || order.position % 2 == 0 {
          return .delivered(DeliveryReply(status: 200, headers: [:], body: body))
        }
        failing += 1
        return World.refused()
      }
      try world.settle()
    }
    try end()
    world.clock.advance(microseconds: 2_000_000)
    try world.settle()
    try end()
    #expect(failing == 30)
    #expect(world.outgoing.isEmpty)
    #expect(try world.events(type: "Told").map(\.subject).sorted() == (1...60).map { "i-\($0)" }.sorted())
    #expect(world.core.control.readers.allSatisfy { $0.blocked.isEmpty })
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `scripts that are more than one deploy can bring are refused, and may come one part after the other`()
    throws
  {
    let world = try World(options: Self.small())
    let padding = "--" + String(repeating: "x", count: 100_000)
    func scripts(_ count: Int) -> [String: String] {
      Dictionary(
        uniqueKeysWithValues: (1...count).map {
          ("s\($0).lua", "consumer \"c\($0)\" { on = { T = function() end } } \(padding)\($0)")
        })
    }
    guard case .refused(let errors)? = try world.deploy(scripts(20)) else {
      Issue.record("it is taken")
      return
    }
    #expect(errors.count == 1 && errors[0].contains("bytes together, and a deploy brings at most 1048576"))
    try world.deploy(scripts(10))
    try world.deploy(scripts(20))
    #expect(world.core.control.readers.count == 20)
  }
}
