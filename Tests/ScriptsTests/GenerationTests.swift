import Events
import Testing

@testable import LuaRuntime
@testable import Scripts

@Suite struct GenerationTests {
  private func generation(_ files: [(String, String)]) throws -> Generation {
    try Generation.load(files.map { SourceFile(path: $0.0, text: $0.1) }).get()
  }

  private static let simple = "consumer \"NAME\" { on = { A = function() end } }"
  private func simple(_ name: String) -> String { Self.simple.replacing("NAME", with: name) }

  @Test func `a declaration has what is written and defaults for the rest`() throws {
    let consumers = try generation([
      (
        "a.lua",
        """
        consumer "plain" { on = { B = function() end, ["A*"] = function() end } }

        consumer("full", {
          from = "2026-01-31", exhausted = "skip", key = { B = "data.x.y", ["C*"] = function() end, D = "subject" },
          retry = { attempts = 3, first = "0s", factor = 1, cap = "1h", jitter = 0 },
          on = { ["*"] = function()
          end,
            B = print,
          } })
        """
      )
    ]).consumers
    let plain = consumers[0]
    let full = consumers[1]
    #expect(plain.name == "plain" && plain.file == "a.lua" && plain.line == 1)
    #expect(plain.from == .now && plain.retry == .standard && plain.exhausted == .block && plain.key.isDefault)
    #expect(plain.handlers.map(\.pattern.description) == ["A*", "B"])
    #expect(full.line == 3 && full.from == .time(1_769_817_600_000_000) && full.exhausted == .skip)
    #expect(full.retry == RetryPolicy(attempts: 3, first: 0, factor: 1, cap: 3_600_000_000, jitter: 0))
    #expect(full.handlers.map(\.line) == [6, 8])
    #expect(
      full.key
        == .perType([
          .init(pattern: TypePattern("B")!, rule: .path(["data", "x", "y"])),
          .init(pattern: TypePattern("C*")!, rule: .function), .init(pattern: TypePattern("D")!, rule: .subject),
        ]))
  }

  @Test func `retry false is one call, and a position is where to begin`() throws {
    let consumer = try generation([
      ("a.lua", "consumer \"x\" { retry = false, from = 813, key = \"subject\", on = { A = function() end } }")
    ]).consumers[0]
    #expect(consumer.retry.attempts == 1 && consumer.from == .position(Position(813)) && consumer.key.isDefault)
  }

  @Test func `all errors of all files are told, in order`() {
    let errors = Generation.errors([
      ("b.lua", "consumer \"b\" { retries = 3,\n exhausted = 1,\n retry = { jitter = 2, frist = 1 }, on = { X = 1 } }"),
      ("a.lua", "local x =\n"),
      ("c.lua", "local function f() nothing() end\nconsumer \"c\" { on = { A = function() unknown() end } }"),
      ("d.lua", "error(\"at load\")"),
      ("lib/m.lua", "return {} +"),
      ("e.lua", "require \"lib.m\"\n" + simple("e")),
    ])
    #expect(
      errors.map { $0.split(separator: "\n")[0] }
        == [
          "b.lua:1: consumer \"b\" has no key \"retries\"", "b.lua:2: exhausted is 1",
          "b.lua:3: on.X is a number; a function is wanted", "b.lua:3: retry has no key \"frist\"",
          "b.lua:3: retry.jitter is 2; a number from 0 to 1 is wanted",
          "a.lua:2: unexpected symbol near <eof>", "c.lua:1: there is no word \"nothing\"",
          "c.lua:2: there is no word \"unknown\"", "d.lua:1: at load", "lib/m.lua:1: unexpected symbol near <eof>",
        ].sorted())
  }

  @Test func `files load in the order of their paths and see only their own globals`() throws {
    #expect(
      Generation.errors([("a.lua", "function shared() end\n" + simple("a")), ("b.lua", "shared()\n" + simple("b"))])
        == ["b.lua:1: there is no word \"shared\""])
    let stage = try Stage(
      "function double(n) return n * 2 end\nconsumer \"a\" { on = { A = function(event) emit(\"B\", { double(event.data.n) }) end } }"
    )
    #expect(stage.handle(TestEvent("A", "s", data: "{\"n\":4}")).emits == ["B s [8]"])
  }

  // MARK: modules

  @Test func `a module runs once, whoever requires it`() throws {
    let files = [
      ("a.lua", "local m = require \"lib.m\"\nconsumer \"a\" { on = { A = function() emit(\"B\", { m.name }) end } }"),
      (
        "b.lua", "local m = require \"lib.deep.n\"\nconsumer \"b\" { on = { A = function() emit(\"C\", { m() }) end } }"
      ),
      ("lib/m.lua", "return { name = \"m\" }"),
      ("lib/deep/n.lua", "local m = require \"lib.m\" return function() return m.name .. \"n\" end"),
    ]
    let stage = try Stage(files)
    #expect(stage.handle(TestEvent("A", "s")).emits == ["B s [\"m\"]", "C s [\"mn\"]"])
  }

  @Test func `a changed module is changed code for all who require it, however deep, and for nobody else`() throws {
    func hashes(_ module: String) throws -> [ContentHash] {
      try generation([
        ("a.lua", "require \"lib.a\" " + simple("a")), ("b.lua", simple("b")),
        ("c.lua", "require \"lib.m\" " + simple("c")),
        ("d.lua", "require \"lib.a\" require \"lib.m\" " + simple("d")), ("lib/a.lua", "require \"lib.m\" return 1"),
        ("lib/m.lua", module),
      ]).consumers.map(\.scriptHash)
    }
    let (before, after) = (try hashes("return 1"), try hashes("return 2"))
    #expect(zip(before, after).map { $0 != $1 } == [true, false, true, true])
    #expect(Set(before).count == 4)
  }

  @Test func `a module is read-only`() throws {
    #expect(
      Generation.errors([
        ("a.lua", "local m = require \"lib.m\"\nm.x = 1\n" + simple("a")), ("lib/m.lua", "return {}"),
      ]) == [
        "a.lua:2: \"lib/m.lua\" belongs to the file and would be lost: what must be remembered is an event: emit it"
      ])
  }

  @Test(arguments: [
    ("return { 1", "lib/m.lua:1: '}' expected near <eof>\n  a \"}\" is missing at the end"),
    ("local x = 1", "lib/m.lua:1: the module returns nothing\n  end it with return and what it offers"),
    ("return nil", "lib/m.lua:1: the module returns nothing\n  end it with return and what it offers"),
    ("\nerror(\"no\")", "lib/m.lua:2: no"),
    ("return undefined", "lib/m.lua:1: there is no word \"undefined\"\n  write nil, or null in JSON"),
    ("consumer \"x\" {} return 1", "lib/m.lua:1: a module declares nothing\n  write consumer in a file beside lib/"),
    (
      "emit(\"A\") return 1",
      "lib/m.lua:1: emit works in a handler, not while the file loads\n  a script only declares; effects are made in a handler"
    ),
    (
      "require \"lib.m\" return 1",
      "lib/m.lua:1: modules require each other in a circle: lib/m.lua → lib/m.lua\n  move what they share into a module of its own"
    ),
    ("require \"lib.gone\" return 1", "lib/m.lua:1: there is no file lib/gone.lua"),
  ])
  func `what is wrong in a module is told once, with its own place`(source: String, says: String) {
    let user = "local m = require \"lib.m\" "
    let errors = Generation.errors([
      ("a.lua", user + simple("a")), ("b.lua", user + simple("b")), ("lib/m.lua", source),
      ("lib/n.lua", user + "return m"), ("c.lua", "pcall(require, \"lib.n\") " + simple("c")),
    ])
    #expect(errors == [says])
  }

  @Test func `a function of a module may declare for the script that calls it`() throws {
    let consumer = try generation([
      ("a.lua", "local make = require \"lib.make\"\n\nmake(\"made\")"),
      ("lib/make.lua", "return function(name)\n  consumer(name, { on = { A = function() end } })\nend"),
    ]).consumers[0]
    #expect(consumer.name == "made" && consumer.file == "lib/make.lua" && consumer.line == 2)
  }

  // MARK: state of a file

  @Test(arguments: [
    (
      "local n = 0\nconsumer \"x\" { on = { A = function()\n n = n + 1 end } }",
      ["a.lua:3: \"n\" belongs to the file and would be lost"]
    ),
    (
      "local n = 0\nlocal function add()\n n = n + 1 end\nconsumer \"x\" { on = { A = function() add() end } }",
      ["a.lua:3: \"n\" belongs to the file and would be lost"]
    ),
    (
      "local function counter() local n = 0 return function()\n n = n + 1 end end\nconsumer \"x\" { on = { A = counter() } }",
      ["a.lua:2: \"n\" belongs to the file and would be lost"]
    ),
    (
      "local n = 0\nconsumer \"x\" { key = function()\n n = n + 1 end, on = { A = function() end } }",
      ["a.lua:3: \"n\" belongs to the file and would be lost"]
    ),
    (
      "local n = 1\nn = n + 1\nconsumer \"x\" { on = { A = function() local m = n\n m = m + 1 local function f() m = 0 end f() end } }",
      []
    ),
  ])
  func `a handler that assigns what is the file's does not load`(source: String, says: [String]) {
    #expect(Generation.errors([("a.lua", source)]).map { String($0.split(separator: "\n")[0]) } == says)
  }

  @Test(arguments: [
    ("local seen = {}", "seen[event.subject] = true", "seen"), ("local seen = {}", "table.insert(seen, 1)", "seen"),
    ("local a = { b = {} }", "a.b.c = 1", "b"), ("local list = { 3, 1 }", "table.sort(list)", "list"),
    ("local seen = {}", "rawset(seen, 1, 1)", "seen"), ("cache = {}", "cache.x = 1", "cache"),
  ])
  func `a table of the file cannot be changed by a handler`(top: String, change: String, name: String) throws {
    let stage = try Stage("\(top)\nconsumer \"x\" { on = { A = function(event)\n\(change)\nend } }")
    for _ in 0..<2 {
      let failure = try #require(stage.handle(TestEvent("A", "s")).failures.first)
      #expect(
        failure.hasPrefix("script.lua:3: ") && failure.contains("belongs to the file and would be lost"), "\(failure)")
    }
  }

  // MARK: limits and odd files

  @Test func `what is not a script is refused with its name`() {
    #expect(
      Generation.load([SourceFile(path: "a.lua", bytes: [0x1B, 0x4C, 0x75, 0x61, 0x54])]).said == [
        "a.lua: is compiled Lua; a script is source text\n  copy the source here instead"
      ])
    #expect(
      Generation.load([SourceFile(path: "a.lua", bytes: Array("x = 1\n\"".utf8) + [0xFF, 0x22])]).said == [
        "a.lua:2: the file is not UTF-8 text"
      ])
    let large = Generation.load([SourceFile(path: "a.lua", bytes: Array(repeating: 0x20, count: 200_000))]).said
    #expect(large == ["a.lua:1: the file has 200000 bytes; a script may have 131072"])
  }

  @Test func `a file that never ends loading is ended, and says so`() {
    #expect(Generation.errors([("a.lua", "while true do end"), ("b.lua", "on()")]).count == 2)
    let errors = Generation.errors([("a.lua", "local t = {} while true do t[#t + 1] = string.rep(\"x\", 100000) end")])
    #expect(errors.count == 1 && errors[0].hasPrefix("a.lua: used more memory than it may"), "\(errors)")
  }

  @Test func `a byte order mark is not part of a script`() throws {
    let source = [0xEF, 0xBB, 0xBF] + Array(simple("a").utf8)
    let generation = try Generation.load([SourceFile(path: "a.lua", bytes: source)]).get()
    #expect(generation.consumers.count == 1)
  }

  @Test func `a text that is no script ends in a bounded number of errors`() {
    let words = (0..<5000).map { "word\($0)()" }.joined(separator: "\n")
    #expect(Generation.errors([("a.lua", words)]).count == NameCheck.maximumErrors)
  }

  @Test func `names that cannot be shown or kept are refused`() {
    for name in ["", "a\\n", String(repeating: "x", count: 129), "\\xFF"] {
      #expect(Generation.errors([("a.lua", simple(name))]).map { $0.contains("the name of a consumer is") } == [true])
    }
  }

  @Test func `the fingerprint follows from paths and contents`() throws {
    let a = try generation([("a.lua", simple("a"))])
    #expect(a.fingerprint == (try generation([("a.lua", simple("a"))])).fingerprint)
    #expect(a.fingerprint != (try generation([("b.lua", simple("a"))])).fingerprint)
    #expect(a.fingerprint != (try generation([("a.lua", simple("b"))])).fingerprint)
    #expect(try generation([]).consumers.isEmpty)
  }

  @Test func `a worker lets go of its interpreter`() throws {
    weak var interpreter: Interpreter?
    do {
      let worker = try Stage.worker(
        of: generation([("a.lua", "require \"lib.m\" " + simple("a")), ("lib/m.lua", "return {}")]))
      interpreter = worker.interpreter
      #expect(interpreter != nil)
    }
    #expect(interpreter == nil)
  }

  @Test func `events of which the scripts have one side only are told apart from those of the world outside`() throws {
    func ends(_ source: String, knownTypes: Set<String> = []) throws -> (unheard: [String], unmade: [String]) {
      let file = SourceFile(path: "a.lua", text: source)
      let ends = try Generation.load([file], knownTypes: knownTypes).get().looseEnds
      func text(_ ends: [LooseEnds.End]) -> [String] { ends.map { "\($0.pattern):\($0.line)" } }
      return (text(ends.unheard), text(ends.unmade))
    }
    let source = """
      aggregate "account" {
        events = { Deposited = function(a, e) end, Withdrawn = function(a, e) end },
        commands = {
          Withdraw = function(a, c)
            emit("Withdrawn", {})
            emit("Audited", {})
          end,
        },
      }
      consumer "x" {
        on = {
          Ordered = function(event)
            send("Withdraw", {}, { to = "a" })
            emit("Booked", {})
          end,
          ["Package*"] = function(event) emit("Booked", {}) end,
          ["moondance.rejected"] = function(event) end,
        },
      }
      projection "booked" { on = { Booked = function(d) end, ["*"] = function(d) end } }
      """
    // The projection hears everything.
    #expect(try ends(source) == ([], ["Deposited:2", "Ordered:12", "Package*:16"]))
    let fewer = source.replacing(", [\"*\"] = function(d) end", with: "")
    #expect(try ends(fewer) == (["Audited:6"], ["Deposited:2", "Ordered:12", "Package*:16"]))
    #expect(try ends(fewer, knownTypes: ["PackageSent", "Deposited"]) == (["Audited:6"], ["Ordered:12"]))
    // A contract says that somebody outside is meant.
    let contracts = ["Audited", "Ordered", "PackageSent"].map { "\ncontract \"\($0)\" { schema = { a = \"any\" } }" }
    #expect(try ends(fewer + contracts.joined()) == ([], ["Deposited:2"]))
    // What is warned of by its nearest name is not told twice.
    let typo = source.replacing("Withdrawn = function", with: "Withdrawm = function")
      .replacing(", [\"*\"] = function(d) end", with: "")
    #expect(try ends(typo) == (["Audited:6"], ["Deposited:2", "Ordered:12", "Package*:16"]))
  }
}

extension Result where Success == Generation, Failure == LoadErrors {
  /// Every error as text.
  var said: [String] {
    switch self {
    case .success: []
    case .failure(let errors): errors.errors.map(\.description)
    }
  }
}
