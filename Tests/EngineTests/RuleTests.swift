import Events
import LogStorage
import TestKit
import Testing

@testable import Engine

@Suite("Rules")
struct RuleTests {
  static let minute: Int64 = 60_000_000

  /// One by one, as a batch, with nothing in memory, on many workers, across restarts, and caught up with afterwards: what
  /// came of it must be the same.
  private func inEveryWay(
    _ script: String, types: [String],
    _ steps: (inout World, _ settle: @escaping (inout World) throws -> Void) throws -> Void,
    isCaughtUp: Bool = true
  ) throws -> [String] {
    func seen(_ world: World) throws -> [String] {
      try types.flatMap { type in try world.events(type: type).map { "\($0.type) \($0.subject) \($0.data)" } }
    }
    func run(
      _ settings: EngineSettings = EngineSettings(), scripts: [String: String]? = nil,
      _ settle: @escaping (inout World) throws -> Void
    ) throws -> World {
      var world = try World(scripts: scripts ?? ["a.lua": script], settings: settings)
      try steps(&world, settle)
      try world.settle()
      return world
    }
    func restart(_ world: inout World) throws {
      try world.settle()
      let (fileSystem, clock) = (world.fileSystem, world.clock)
      fileSystem.restart(losing: .everything)
      world = try World(scripts: ["a.lua": script], fileSystem: fileSystem, clock: clock)
    }
    let first = try run { try $0.settle() }
    let expected = try seen(first)
    #expect(try first.foldFromNothing() == first.core.control)
    // In which order keys come does not matter.
    #expect(try seen(run { _ in }).sorted() == expected.sorted(), "in batches")
    #expect(try seen(run { try restart(&$0) }).sorted() == expected.sorted(), "across restarts")
    var settings = EngineSettings()
    settings.stateCacheBytes = 0
    settings.workers = 4
    #expect(try seen(run(settings) { try $0.settle() }).sorted() == expected.sorted(), "with nothing in memory")
    guard isCaughtUp else { return expected }
    // The rule comes when everything has happened.
    let late = try run(scripts: ["a.lua": "consumer \"none\" { on = { Nothing = function() end } }"]) {
      try $0.settle()
    }
    try late.deploy(["a.lua": script.replacing("rule \"r\" {", with: "rule \"r\" { from = \"start\",")])
    try late.settle()
    #expect(try seen(late).sorted() == expected.sorted(), "catching up")
    #expect(try late.foldFromNothing() == late.core.control)
    return expected
  }

  @Test func `a rule without a condition answers every event, on its key`() throws {
    let seen = try inEveryWay(
      """
      rule "r" { when = any { "A", "B*" }, where = function(e) return e.data.n ~= 2 end, key = "data.order", emit = "Seen",
                 data = function(heard) for type, event in pairs(heard) do return { [type] = event.data.n } end end }
      """, types: ["Seen"]
    ) { world, settle in
      world.emit("A", "x", #"{"order":"o-1","n":1}"#)
      try settle(&world)
      world.emit("A", "x", #"{"order":"o-1","n":2}"#)
      world.emit("B7", "x", #"{"order":"o-1","n":3}"#)
      try settle(&world)
      world.emit("C", "x", #"{"order":"o-1","n":4}"#)
    }
    #expect(seen == [#"Seen o-1 {"A":1}"#, #"Seen o-1 {"B7":3}"#])
  }

  static let join = """
    rule "r" { when = all { "Paid", "Reserved" }, within = "15m", emit = "Ready", otherwise = "Stalled" }
    """

  @Test func `halves are joined in the order of the log, whichever comes first`() throws {
    let seen = try inEveryWay(Self.join, types: ["Ready", "Stalled"]) { world, settle in
      world.emit("Paid", "o-1", #"{"sum":5}"#)
      world.emit("Reserved", "o-2", #"{"of":2}"#)
      try settle(&world)
      world.clock.advance(microseconds: 14 * Self.minute)
      world.emit("Reserved", "o-1", #"{"of":1}"#)
      world.emit("Paid", "o-2", #"{"sum":6}"#)
      try settle(&world)
      // A half that comes again, or late, starts nothing.
      world.emit("Paid", "o-1", #"{"sum":7}"#)
      world.emit("Reserved", "o-1")
      try settle(&world)
      world.clock.advance(microseconds: 60 * Self.minute)
    }
    #expect(
      seen == [
        #"Ready o-1 {"Paid":{"sum":5},"Reserved":{"of":1}}"#, #"Ready o-2 {"Paid":{"sum":6},"Reserved":{"of":2}}"#,
      ])
  }

  @Test func `a half whose time is over is told of, and a late one opens nothing`() throws {
    let seen = try inEveryWay(Self.join, types: ["Ready", "Stalled"]) { world, settle in
      world.emit("Paid", "o-1", #"{"sum":5}"#)
      world.emit("Paid", "o-2", #"{"sum":6}"#)
      world.emit("Paid", "o-3", #"{"sum":7}"#)
      try world.settle()
      // In time to the microsecond.
      world.clock.advance(microseconds: 15 * Self.minute)
      world.emit("Reserved", "o-2")
      try world.settle()
      world.clock.advance(microseconds: 1)
      world.emit("Reserved", "o-1")
      try world.settle()
      world.clock.advance(microseconds: 15 * Self.minute)
      world.emit("Other", "x")
      try settle(&world)
      world.emit("Paid", "o-1")
    }
    #expect(
      seen == [
        #"Ready o-2 {"Paid":{"sum":6},"Reserved":{}}"#, #"Stalled o-1 {"Paid":{"sum":5}}"#,
        #"Stalled o-3 {"Paid":{"sum":7}}"#,
      ]
        || seen == [
          #"Ready o-2 {"Paid":{"sum":6},"Reserved":{}}"#, #"Stalled o-3 {"Paid":{"sum":7}}"#,
          #"Stalled o-1 {"Paid":{"sum":5}}"#,
        ])
  }

  @Test func `a deadline is told of by itself, caused by the event that opened the instance`() throws {
    let world = try World(scripts: ["a.lua": Self.join])
    world.emit("Paid", "o-1")
    try world.settle()
    let opener = try #require(try world.events(type: "Paid").first)
    #expect(world.core.nextDue == world.core.now + 15 * Self.minute + 1)
    world.clock.advance(microseconds: 15 * Self.minute)
    try world.settle()
    #expect(try world.events(type: "Stalled").isEmpty)
    world.clock.advance(microseconds: 1)
    try world.settle()
    let stalled = try world.events(type: "Stalled")
    #expect(stalled.map(\.cause) == [opener.position])
    #expect(world.core.nextDue == nil)
    #expect(world.core.control.readers[0].open.isEmpty)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  static let late = """
    rule "r" { key = { OrderPlaced = "subject", PackageSent = "data.orders" },
               when = "OrderPlaced", unless = "PackageSent", within = "14d", otherwise = "OrderLate" }
    """

  @Test func `an order that no package carries in time is late, once`() throws {
    let day = 24 * 60 * Self.minute
    let seen = try inEveryWay(Self.late, types: ["OrderLate"]) { world, settle in
      // Before the order it says nothing of it.
      world.emit("PackageSent", "p-0", #"{"orders":["o-1"]}"#)
      for order in 1...5 { world.emit("OrderPlaced", "o-\(order)", #"{"n":\#(order)}"#) }
      try world.settle()
      world.clock.advance(microseconds: 3 * day)
      world.emit("PackageSent", "p-1", #"{"orders":["o-2","o-3","o-9"]}"#)
      try world.settle()
      world.clock.advance(microseconds: 12 * day)
      world.emit("PackageSent", "p-2", #"{"orders":["o-4"]}"#)
      try settle(&world)
      world.emit("OrderPlaced", "o-2")
      world.emit("OrderPlaced", "o-1")
      try settle(&world)
      world.clock.advance(microseconds: 20 * day)
      world.emit("Other", "x")
    }
    #expect(
      Set(seen) == [
        #"OrderLate o-1 {"OrderPlaced":{"n":1}}"#, #"OrderLate o-4 {"OrderPlaced":{"n":4}}"#,
        #"OrderLate o-5 {"OrderPlaced":{"n":5}}"#,
      ])
    #expect(seen.count == 3)
  }

  @Test func `a sensor that falls silent after any number of readings is reported, every time`() throws {
    for readings in 0...4 {
      let seen = try inEveryWay(
        """
        rule "r" { when = any { "SensorInstalled", "Reading" }, unless = "Reading", within = "10m",
                   otherwise = "SensorSilent", again = true, data = function(heard)
                     return { last = heard.Reading and heard.Reading.data.n or 0 } end }
        """, types: ["SensorSilent"]
      ) { world, settle in
        world.emit("SensorInstalled", "s")
        for number in 0..<readings {
          try settle(&world)
          world.clock.advance(microseconds: 9 * Self.minute)
          world.emit("Reading", "s", #"{"n":\#(number + 1)}"#)
          try world.settle()
        }
        try world.settle()
        world.clock.advance(microseconds: 11 * Self.minute)
        try world.settle()
        world.clock.advance(microseconds: 60 * Self.minute)
        world.emit("Reading", "s", #"{"n":99}"#)
        try world.settle()
        world.clock.advance(microseconds: 11 * Self.minute)
        world.emit("Other", "s")
      }
      #expect(seen == [#"SensorSilent s {"last":\#(readings)}"#, #"SensorSilent s {"last":99}"#], "\(readings)")
    }
  }

  static let hot = """
    rule "r" { when = "Reading", where = function(e) return e.data.c > 80 end, count = 3, of = 5, within = "2m",
               again = "cleared", emit = "AlarmRaised", cleared = "AlarmCleared",
               data = function(heard) local c = array {} for i, e in ipairs(heard.Reading) do c[i] = e.data.c end return { c = c } end }
    """

  @Test func `an alarm of 3 of 5 readings is the same one by one and in a batch, and is raised again`() throws {
    let readings = [70, 90, 91, 70, 92, 93, 70, 70, 70, 70, 95, 96, 70, 97, 60]
    let seen = try inEveryWay(Self.hot, types: ["AlarmRaised", "AlarmCleared"]) { world, settle in
      for reading in readings {
        world.emit("Reading", "s", #"{"c":\#(reading)}"#)
        try settle(&world)
      }
    }
    #expect(seen == [#"AlarmRaised s {"c":[90,91,92]}"#, #"AlarmRaised s {"c":[95,96,97]}"#, "AlarmCleared s {}"])
  }

  @Test func `an alarm is cleared when its readings are too old, without an event`() throws {
    let seen = try inEveryWay(Self.hot, types: ["AlarmRaised", "AlarmCleared"]) { world, settle in
      for reading in [81, 82, 83] {
        world.emit("Reading", "s", #"{"c":\#(reading)}"#)
        try world.settle()
        world.clock.advance(microseconds: Self.minute / 2)
      }
      try world.settle()
      world.clock.advance(microseconds: Self.minute / 2 + 1)
      world.emit("Other", "s")
      try settle(&world)
    }
    #expect(seen == [#"AlarmRaised s {"c":[81,82,83]}"#, "AlarmCleared s {}"])
  }

  @Test func `so many events in a span fire it, once or again from nothing`() throws {
    func run(_ again: String, gap: Int64) throws -> [String] {
      try inEveryWay(
        "rule \"r\" { when = \"Failed\", count = 3, within = \"10m\", emit = \"Locked\"\(again) }", types: ["Locked"]
      ) { world, settle in
        for number in 1...9 {
          world.emit("Failed", "u", #"{"n":\#(number)}"#)
          try world.settle()
          try settle(&world)
          world.clock.advance(microseconds: number == 2 ? gap : Self.minute)
        }
      }
    }
    func locked(_ first: Int) -> String {
      #"Locked u {"Failed":[{"n":\#(first)},{"n":\#(first + 1)},{"n":\#(first + 2)}]}"#
    }
    // The first and the third are ten minutes apart, and then a microsecond more.
    #expect(try run("", gap: 9 * Self.minute) == [locked(1)])
    #expect(try run("", gap: 9 * Self.minute + 1) == [locked(3)])
    #expect(try run(", again = true", gap: 9 * Self.minute) == [locked(1), locked(4), locked(7)])
    #expect(try run(", again = true", gap: 9 * Self.minute + 1) == [locked(3), locked(6)])
  }

  @Test func `a second alarm of the same sensor is published`() throws {
    let world = try World(scripts: [
      "a.lua":
        "rule \"tell\" { when = \"AlarmRaised\", publish = \"ops\" }\ndestination \"ops\" { file = \"ops.ndjson\" }"
    ])
    for number in 1...3 { world.emit("AlarmRaised", "s", #"{"n":\#(number)}"#) }
    try world.settle()
    #expect(try world.events(type: "ops").map(\.data) == [#"{"n":1}"#, #"{"n":2}"#, #"{"n":3}"#])
  }

  @Test func `a command is sent to the key, or to whom the rule says`() throws {
    let world = try World(scripts: [
      "a.lua": """
      rule "own" { when = "A", send = "Note", data = function(heard) return { n = heard.A.data.n } end }
      rule "other" { when = "A", send = "Note", to = function(heard) return "for-" .. heard.A.data.n end }
      aggregate "book" { commands = { Note = function(state, c) emit("Noted", c.data) end } }
      """
    ])
    world.emit("A", "x", #"{"n":1}"#)
    try world.settle()
    #expect(
      try Set(world.events(type: "Noted").map { "\($0.subject) \($0.data)" }) == [
        #"x {"n":1}"#, #"for-1 {"A":{"n":1}}"#,
      ])
  }

  @Test func `where and key that fail block their key and nothing else`() throws {
    let parts = ["where = function(e) return e.data.n.x end", "key = function(e) return e.data.n.x end"]
    for part in parts {
      let world = try World(scripts: ["a.lua": "rule \"r\" { when = \"A\", \(part), emit = \"Seen\" }"])
      world.emit("A", "bad", #"{"n":null}"#)
      world.emit("A", "good", #"{"n":{"x":"good"}}"#)
      world.emit("A", "bad", #"{"n":{"x":"bad"}}"#)
      try world.settle()
      #expect(try world.events(type: "Seen").first?.subject == "good")
      #expect(world.reader("r")?.blockedKeys == 1)
      #expect(try world.foldFromNothing() == world.core.control)
    }
  }

  @Test func `data that are bytes and no text block their key, whether the rule has a data function or not`() throws {
    for data in ["", ", data = function(heard) return {} end"] {
      let world = try World(scripts: ["a.lua": "rule \"r\" { when = \"A\", emit = \"Seen\"\(data) }"])
      let batch = world.event("A", "good")
      for (subject, bytes) in [("bad", [0xFF, 0xFE] as [UInt8]), ("text", Array("a \"b\"".utf8))] {
        bytes.withUnsafeBytes { data in
          Array(subject.utf8).withUnsafeBytes { subject in
            [UInt8(ascii: "A")].withUnsafeBytes { type in
              batch.begin(kind: .event, type: type, subject: subject, data: data, encoding: .binary)
            }
          }
        }
        batch.end()
      }
      world.append(batch)
      try world.settle()
      #expect(try Set(world.events(type: "Seen").map(\.subject)) == ["good", "text"])
      #expect(world.reader("r")?.blockedKeys == 1)
      #expect(
        world.failures.last?.message.hasSuffix(
          "the data of the A at position 2 are bytes and no text, which JSON cannot say: hear it with a consumer")
          == true, "\(world.failures)")
    }
  }

  // MARK: - Reloads

  @Test func `another key forgets what was heard, and names the instances that it closes`() throws {
    let world = try World(scripts: ["a.lua": Self.join])
    world.emit("Paid", "o-1", #"{"order":"o-2"}"#)
    for type in ["Paid", "Reserved"] { world.emit(type, "o-3", #"{"order":"o-3"}"#) }
    try world.settle()
    for number in 4..<16 {
      world.emit("Paid", "o-\(number)", #"{"order":"o-4"}"#)
      try world.settle()
    }
    let outcome = try world.deploy(["a.lua": Self.join.replacing("when =", with: "key = \"data.order\", when =")])
    guard case .loaded(_, _, let warnings)? = outcome else {
      Issue.record("\(outcome.debugDescription)")
      return
    }
    let keys = ([1] + (4..<13)).map { "\"o-\($0)\"" }.joined(separator: ", ")
    #expect(
      warnings.contains {
        $0.hasSuffix(
          "what it has heard for 14 keys is forgotten, and its open instances are closed: \(keys) and 3 more")
      }, "\(warnings)")
    world.emit("Reserved", "o-1", #"{"order":"o-1"}"#)
    try world.settle()
    #expect(try world.events(type: "Ready").map(\.subject) == ["o-3"])
    world.clock.advance(microseconds: 16 * Self.minute)
    try world.settle()
    #expect(try world.events(type: "Stalled").map(\.data) == [#"{"Reserved":{"order":"o-1"}}"#])
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `what was heard and its deadline stay across a reload`() throws {
    let world = try World(scripts: ["a.lua": Self.join])
    world.emit("Paid", "o-1", #"{"sum":1}"#)
    world.emit("Reserved", "o-2", #"{"of":2}"#)
    try world.settle()
    // "Reserved" is named no more.
    try world.deploy([
      "a.lua": Self.join.replacing("\"Reserved\"", with: "\"Packed\"").replacing("15m", with: "1h")
    ])
    world.emit("Packed", "o-1", #"{"by":1}"#)
    world.emit("Packed", "o-2", #"{"by":2}"#)
    try world.settle()
    #expect(try world.events(type: "Ready").map(\.data) == [#"{"Packed":{"by":1},"Paid":{"sum":1}}"#])
    world.clock.advance(microseconds: 61 * Self.minute)
    try world.settle()
    #expect(try world.events(type: "Stalled").map { "\($0.subject) \($0.data)" } == [#"o-2 {"Packed":{"by":2}}"#])
    #expect(try world.foldFromNothing() == world.core.control)
  }
}
