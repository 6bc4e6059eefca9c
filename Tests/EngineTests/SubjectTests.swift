import Events
import LogStorage
import Scripts
import TestKit
import Testing

@testable import Engine

@Suite("States of subjects: in memory, in files, and at any position")
struct SubjectTests {
  private static let folder = "data/aggregates"

  private func world(
    _ fileSystem: MemoryFileSystem = MemoryFileSystem(), clock: ManualClock = ManualClock(),
    script: String = CommandTests.account
  ) throws -> World {
    try World(scripts: ["account.lua": script], fileSystem: fileSystem, clock: clock, keepsStates: true)
  }

  private func deposits(_ world: World, _ subject: String, _ count: Int, each: Int = 100) throws {
    var left = count
    while left > 0 {
      let batch = EntryBatch(hash: world.opened.hash)
      for _ in 0..<min(left, each) { world.add(to: batch, "Deposited", subject, #"{"amount":1}"#) }
      world.append(batch)
      left -= each
      try world.settle()
    }
  }

  /// What reading says, from the files of `fileSystem` or from none.
  private func read(
    _ world: World, _ subject: String, at: UInt64? = nil, from fileSystem: MemoryFileSystem? = nil
  ) throws -> SubjectReport {
    let generation = try #require(world.core.generation)
    let snapshots = fileSystem.map { SubjectSnapshots(folder: Self.folder, fileSystem: $0) }
    let reading = SubjectReading(log: world.opened.reader, snapshots: snapshots) { generation }
    let answer = reading.read("account", Array(subject.utf8), at: Position(at ?? world.core.durablePosition))
    guard case .found(let report) = answer else {
      Issue.record("\(answer)")
      throw CancellationError()
    }
    return report
  }

  private func text(_ report: SubjectReport) -> String { String(decoding: report.state, as: UTF8.self) }

  @Test func `the state at any position is what the events up to it come to`() throws {
    let world = try world()
    try deposits(world, "a", 5, each: 1)
    world.send("Withdraw", "a", #"{"amount":2}"#)
    world.send("Transfer", "a", #"{"amount":1,"account":"b"}"#)
    try world.settle()
    var sum = 0
    let events = try world.events()
    for event in events {
      if event.subject == "a", event.type == "Deposited" { sum += 1 }
      if event.subject == "a", event.type == "Withdrawn" { sum -= event.data.contains(#""amount":2"#) ? 2 : 1 }
      #expect(text(try read(world, "a", at: event.position)) == #"{"balance":\#(sum)}"#)
    }
    #expect(sum == 2)
    #expect(text(try read(world, "b")) == #"{"balance":1}"#)
    #expect(text(try read(world, "nobody")) == #"{"balance":0}"#)
  }

  @Test func `a subject with many events is kept in a file, and the next start goes on from there`() throws {
    let fileSystem = MemoryFileSystem()
    let clock = ManualClock()
    var world = try world(fileSystem, clock: clock)
    try deposits(world, "a", 2500)
    try deposits(world, "b", 10)
    for subject in ["a", "b"] { world.send("Withdraw", subject, #"{"amount":1}"#) }
    try world.settle()
    #expect(try fileSystem.list(Self.folder).count == 1)
    fileSystem.restart(losing: .nothing)
    world = try self.world(fileSystem, clock: clock)
    let quick = try read(world, "a", from: fileSystem)
    let slow = try read(world, "a")
    #expect(quick.events <= 2 && quick.kept != nil)
    #expect(slow.events == 2501 && slow.kept == nil)
    #expect(quick.state == slow.state)
    let sent = world.send("Withdraw", "a", #"{"amount":2499}"#)
    let more = world.send("Withdraw", "a", #"{"amount":1}"#)
    try world.settle()
    guard case .accepted? = sent.outcome, case .rejected? = more.outcome else {
      Issue.record("\(String(describing: sent.outcome)) \(String(describing: more.outcome))")
      return
    }
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a subject that is decided without end is kept now and then`() throws {
    let fileSystem = MemoryFileSystem()
    let world = try world(fileSystem)
    try deposits(world, "a", 100)
    for _ in 0..<30 {
      for _ in 0..<100 { world.send("Transfer", "a", #"{"amount":0,"account":"a"}"#) }
      try world.settle()
    }
    let report = try read(world, "a", from: fileSystem)
    #expect(report.kept != nil && report.events < 3000, "\(report)")
    #expect(try report.state == read(world, "a").state)
  }

  @Test func `files of aggregates that are no more are removed, and what is damaged, and nothing else`() throws {
    let fileSystem = MemoryFileSystem()
    let world = try world(fileSystem)
    for subject in ["a", "b"] {
      try deposits(world, subject, 1500)
      world.send("Withdraw", subject, #"{"amount":1}"#)
      try world.settle()
    }
    let names = try fileSystem.list(Self.folder).sorted()
    #expect(names.count == 2)
    let snapshots = SubjectSnapshots(folder: Self.folder, fileSystem: fileSystem)
    fileSystem.put(Array("mine".utf8), at: "\(Self.folder)/notes.txt")
    fileSystem.put(Array("MOONSUBJ".utf8), at: "\(Self.folder)/0000000000000000.state")
    #expect(snapshots.removeAll(butOf: ["account", "other"]) == 1)
    #expect(try fileSystem.list(Self.folder).sorted() == names + ["notes.txt"])
    #expect(try read(world, "a", from: fileSystem).kept != nil)
    #expect(snapshots.removeAll(butOf: ["other"]) == 2)
    #expect(try fileSystem.list(Self.folder) == ["notes.txt"])
    #expect(try read(world, "a", from: fileSystem).kept == nil)
    #expect(SubjectSnapshots(folder: "nowhere", fileSystem: fileSystem).removeAll(butOf: []) == 0)
  }

  @Test func `a file that is damaged, cut, of other code or of another log is passed over`() throws {
    let fileSystem = MemoryFileSystem()
    let world = try world(fileSystem)
    try deposits(world, "a", 1500)
    world.send("Withdraw", "a", #"{"amount":1}"#)
    try world.settle()
    let path = "\(Self.folder)/\(try #require(fileSystem.list(Self.folder).first))"
    let good = try #require(fileSystem.contents(path))
    let expected = try read(world, "a")
    #expect(try read(world, "a", from: fileSystem).kept != nil)
    for at in stride(from: 0, to: good.count, by: 3) {
      var bad = good
      bad[at] ^= 0x40
      fileSystem.put(bad, at: path)
      #expect(try read(world, "a", from: fileSystem).state == expected.state, "byte \(at)")
      fileSystem.put(Array(good.prefix(at)), at: path)
      #expect(try read(world, "a", from: fileSystem) == expected, "\(at) bytes")
    }
    fileSystem.put(good, at: path)
    // Before it there is nothing of it.
    #expect(try read(world, "a", at: 1000, from: fileSystem).kept == nil)

    let other = try self.world()
    try deposits(other, "a", 1600)
    #expect(try read(other, "a", from: fileSystem).kept == nil)

    try world.deploy(["account.lua": CommandTests.account.replacing("a.balance + e.data.amount", with: "a.balance + 2")]
    )
    let changed = try read(world, "a", from: fileSystem)
    #expect(changed.kept == nil && text(changed) == #"{"balance":2999}"#)
    let sent = world.send("Withdraw", "a", #"{"amount":2999}"#)
    try world.settle()
    if case .accepted? = sent.outcome {} else { Issue.record("\(String(describing: sent.outcome))") }
  }

  @Test func `a contract that reads older events otherwise is other code too`() throws {
    let fileSystem = MemoryFileSystem()
    let world = try world(fileSystem)
    try deposits(world, "a", 1500)
    world.send("Withdraw", "a", #"{"amount":0}"#)
    try world.settle()
    #expect(try read(world, "a", from: fileSystem).kept != nil)
    try world.deploy([
      "account.lua": CommandTests.account,
      "contract.lua":
        "contract \"Deposited\" { version = 2, upcast = { [1] = function(data) data.amount = data.amount * 3 return data end } }",
    ])
    let report = try read(world, "a", from: fileSystem)
    #expect(report.kept == nil && text(report) == #"{"balance":4500}"#)
  }

  @Test func `a folder that cannot be written costs time and nothing else`() throws {
    let fileSystem = MemoryFileSystem()
    let world = try world(fileSystem)
    try deposits(world, "a", 1500)
    fileSystem.inject { call in call.path.contains("aggregates") ? .fail(28) : nil }
    let sent = world.send("Withdraw", "a", #"{"amount":1}"#)
    try world.settle()
    if case .accepted? = sent.outcome {} else { Issue.record("\(String(describing: sent.outcome))") }
    #expect(world.warnings == [])
  }
}

@Suite("Deploys that change who decides what")
struct CommandDeployTests {
  private static func aggregate(_ name: String, _ commands: String...) -> String {
    "aggregate \"\(name)\" { commands = { "
      + commands.map { "\($0) = function(a, c) emit(\"Done\", { by = \"\(name)\" }) end" }.joined(separator: ", ")
      + " } }"
  }

  private func check(_ world: World, _ outcomes: Int) throws {
    let misended = try world.misended()
    #expect(misended.without == [] && misended.repeated == [])
    #expect(try world.outcomes().count == outcomes)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a command that moves to another aggregate is decided by one of them`() throws {
    let world = try World(scripts: ["a.lua": Self.aggregate("a", "C", "D"), "b.lua": Self.aggregate("b", "E")])
    for _ in 0..<5 { world.send("C", "x") }
    try world.turn()
    let outcome = try world.put(["a.lua": Self.aggregate("a", "D"), "b.lua": Self.aggregate("b", "C", "E")])
    try world.settle()
    if case .loaded? = outcome.value {} else { Issue.record("\(String(describing: outcome.value))") }
    for _ in 0..<5 { world.send("C", "x") }
    try world.settle()
    try check(world, 10)
    // And back, when the first has been away.
    try world.deploy(["b.lua": Self.aggregate("b", "C", "E")])
    world.send("C", "x")
    try world.settle()
    try world.deploy(["a.lua": Self.aggregate("a", "C", "D"), "b.lua": Self.aggregate("b", "E")])
    try world.settle()
    world.send("C", "x")
    try world.settle()
    try check(world, 12)
    #expect(
      try world.events(type: "Done").map { $0.data.contains(#""a""#) ? "a" : "b" }.joined() == "aaaaabbbbbba")
  }

  @Test func `a command that waited and that nobody owns any more has that outcome, and its sender hears of it`() throws
  {
    let failing = "aggregate \"a\" { commands = { C = function() error(\"no\") end, D = function() end } }"
    let sender = "consumer \"s\" { on = { Go = function(e) send(e.data.c, {}, { to = \"x\" }) end } }"
    let world = try World(scripts: ["a.lua": failing, "s.lua": sender])
    let sent = world.send("C", "x")
    world.emit("Go", "y", #"{"c":"C"}"#)
    try world.settle()
    try world.deploy(["a.lua": "aggregate \"a\" { commands = { D = function() end } }", "s.lua": sender])
    try world.settle()
    #expect(sent.outcome == .discarded(position: Position(1)))
    #expect(try world.outcomes().map(\.result) == [.unowned, .unowned])
    #expect(try world.events(type: "moondance.rejected").map(\.subject) == ["y"])
    try check(world, 2)
  }

  @Test func `a paused aggregate keeps its commands until it is resumed`() throws {
    let world = try World(scripts: ["a.lua": Self.aggregate("a", "C", "D")])
    world.act(.pause, on: "a")
    try world.settle()
    world.send("C", "x")
    try world.settle()
    let refused = try world.deploy(["a.lua": Self.aggregate("a", "D")])
    guard case .refused(let errors)? = refused else {
      Issue.record("\(String(describing: refused))")
      return
    }
    #expect(
      errors == [
        """
        a.lua:1: aggregate "a" has other commands than before, and has not decided all that were sent to it
          it is paused: resume it, then load this again
        """
      ])
    world.act(.resume, on: "a")
    try world.settle()
    try world.deploy(["a.lua": Self.aggregate("a", "D")])
    try check(world, 1)
  }

  @Test func `an aggregate that goes and comes back goes on with what waited`() throws {
    let failing = "aggregate \"a\" { commands = { C = function() error(\"no\") end } }"
    let other = "consumer \"c\" { on = { X = function() end } }"
    let world = try World(scripts: ["a.lua": failing])
    world.send("C", "x")
    try world.settle()
    try world.deploy(["c.lua": other])
    try world.settle()
    #expect(try world.outcomes() == [])
    try world.deploy(["a.lua": Self.aggregate("a", "C"), "c.lua": other])
    try world.settle()
    try check(world, 1)
    #expect(try world.outcomes().map(\.result) == [.accepted])
  }
}
