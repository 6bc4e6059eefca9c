import Testing

@testable import LuaRuntime
@testable import Scripts

@Suite struct WordTests {
  /// What the sandbox offers of Lua, beside the words.
  private static let lua: Set<String> = [
    "assert", "error", "ipairs", "pairs", "select", "tonumber", "tostring", "type", "rawequal", "rawget", "rawlen",
    "rawset", "getmetatable", "setmetatable", "pcall", "string", "table", "math", "utf8",
  ]

  @Test func `scripts see the words and the allow list, and nothing else`() throws {
    let interpreter = try Interpreter(logName: "x")
    try interpreter.seal()
    let words = Set(Words.all.map { String($0.name.split(separator: ".")[0]) })
    // These come from the loader.
    let loading: Set = [
      "consumer", "rule", "any", "all", "process", "aggregate", "contract", "projection", "destination", "source",
      "schedule",
      "env",
      "require",
    ]
    #expect(interpreter.known.globals.union(loading) == words.union(Self.lua))
    for table in ["log", "json", "time"] {
      let members = Words.all.filter { $0.name.hasPrefix(table + ".") }.map {
        String($0.name.dropFirst(table.count + 1))
      }
      #expect(interpreter.known.fields[table] == Set(members))
    }
  }

  @Test(arguments: Words.all.filter { $0.phase == .handling })
  func `a word for handlers says so while a file loads and in a key`(word: Word) throws {
    let owner = ("owner.lua", "aggregate \"owner\" { commands = { x = function() end } }")
    let loading = Generation.errors([
      ("a.lua", "\(word.name)(\"x\")\nconsumer \"a\" { on = { A = function() end } }"), owner,
    ])
    #expect(
      loading == [
        "a.lua:1: \(word.name) works in a handler, not while the file loads\n"
          + "  a script only declares; effects are made in a handler"
      ])
    let stage = try Stage([
      (
        "script.lua", "consumer \"a\" {\n key = function(event) \(word.name)(\"x\") end, on = { A = function() end } }"
      ), owner,
    ])
    #expect(
      stage.handle(TestEvent("A", "s")).failures == [
        "script.lua:2: \(word.name) works in a handler, not in a key\n  a key only looks at the event"
      ])
  }

  @Test func `words that declare do not work in a handler`() throws {
    let stage = try Stage(
      """
      consumer "a" { on = {
        A = function() consumer "b" { on = {} } end,
        B = function() require "lib.x" end,
      } }
      """)
    #expect(
      stage.handle(TestEvent("A")).failures == [
        "script.lua:2: consumer declares: it stands in the file, not in a handler"
      ])
    #expect(
      stage.handle(TestEvent("B")).failures == [
        "script.lua:3: require works while the file loads\n  write local name = require \"lib.name\" at the top of the file"
      ])
  }
}

extension Word: CustomStringConvertible {
  public var description: String { name }
}
