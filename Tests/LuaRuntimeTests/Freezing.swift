import LuaRuntime
import Testing

/// What belongs to a file is read-only once it is loaded.
@Suite struct Freezing {
  private static let said = "would be lost"

  /// Loads a file that returns functions and freezes what they reach, each on its own as a loader does.
  private func load(_ state: borrowing LuaState, _ source: String) throws -> [LuaRef] {
    let environment = try state.makeEnvironment()
    let chunk = try state.load(Array(source.utf8), name: "f.lua", environment: environment)
    var functions: [LuaRef] = []
    let outcome = state.call(chunk, []) { results in
      functions = (0..<results.count).compactMap { results[$0].hold() }
    }
    if let error = outcome.error { throw error }
    try state.freezeEnvironment(environment)
    for function in functions { try state.freeze(function, name: "handler") }
    return functions
  }

  private func failure(_ ending: Ending) -> String {
    if case .failed(let message) = ending { message } else { "\(ending)" }
  }

  @Test(arguments: [
    ("t.x = 1", "t"), ("t[1] = 0", "t"), ("rawset(t, 'x', 1)", "t"), ("table.insert(t, 4)", "t"),
    ("table.remove(t)", "t"),
    ("table.sort(t)", "t"), ("table.move(t, 1, 2, 3)", "t"), ("table.move({1}, 1, 1, 1, t)", "t"),
    ("setmetatable(t, {})", "t"), ("t.nested.deep.x = 1", "t.nested.deep"), ("array(t.nested)", "t.nested"),
    ("module.count = 1", "module"), ("helper()", "kept"), ("object.x = 1", "object"), ("Class.extra = 1", "Class"),
    ("getmetatable(object).x = 1", "object"), ("derived.new = 1", "derived"), ("derived.own = 1", "derived"),
    ("t.__index = nil t.x = nil", "t"),
  ])
  func `changing it is an error with its name`(change: String, name: String) throws {
    let state = try LuaState()
    let functions = try load(
      state,
      """
      local t = {1, 2, nested = {deep = {}}}
      module = {}
      local kept = {}
      local function helper() kept.x = 1 end
      local Class = {} Class.__index = Class
      local object = setmetatable({}, Class)
      local base = {inherited = {}}
      local derived = setmetatable({own = 1}, {__index = base})
      return function() \(change) end, function() return t, kept, helper, object, Class, derived end
      """)
    for _ in 0..<2 {
      #expect(
        failure(state.end(functions[0]))
          == "f.lua:\(change == "helper()" ? 4 : 9): \"\(name)\" belongs to the file and would be lost")
    }
    let shown = state.end(functions[1])
    #expect("\(shown)".contains("[1,2") == false)
    #expect(state.height == 0)
  }

  @Test func `reading it is as before, however often it was frozen`() throws {
    let state = try LuaState()
    let functions = try load(
      state,
      """
      local t = setmetatable({1, 2, x = 'y', [2.5] = 0}, {
        __index = function(t, k) return k end, __call = function(t, a) return a end})
      local list = array {}
      local Point = {} Point.__index = Point
      function Point.__add(a, b) return Point.new(a.x + b.x) end
      function Point:double() return self.x * 2 end
      function Point.new(x) return setmetatable({x = x}, Point) end
      local origin = Point.new(3)
      count = {n = 5}
      local function read()
        local keys = {}
        for k, v in pairs(t) do keys[#keys + 1] = tostring(k) .. '=' .. tostring(v) end
        local sum = 0
        for _, v in ipairs(t) do sum = sum + (tonumber(v) or 0) if _ == 2 then break end end
        local p = origin + Point.new(4)
        return table.concat(keys, ' '), sum, #t, t.missing, t(7), rawget(t, 'missing'), rawlen(t), next(t),
          json.encode(list), p.x, p:double(), origin:double(), count.n, table.concat(t, ','), table.unpack(t)
      end
      return read, read, function() return read() end, function() return t, count end
      """)
    let expected = Ending.returned([
      "\"1=1 2=2 2.5=0 x=y\"", "3", "2", "\"missing\"", "7", "null", "2", "1", "\"[]\"", "7", "14", "6", "5", "\"1,2\"",
      "1", "2",
    ])
    for function in functions[0...2] { #expect(state.end(function) == expected) }
  }

  @Test func `a global word is found with one hop after freezing`() throws {
    let state = try LuaState()
    try state.register("word") { _ in .done }
    try state.sealWords()
    let functions = try load(
      state, "g = {} return function() word() return string.len('abc') end, function() return g end")
    #expect(state.end(functions[0]) == .returned(["3"]))
    state.setBudget(instructions: 100_000)
    #expect(state.end(functions[0]) == .returned(["3"]))
  }

  @Test func `words cannot be changed by a file`() throws {
    let state = try LuaState()
    try state.sealWords()
    #expect(try state.run("string.len = nil") == .failed("t.lua:1: \"string\" is read-only"))
    #expect(try state.run("json.x = 1") == .failed("t.lua:1: \"json\" is read-only"))
    #expect(try state.run("pairs = nil return pairs ~= nil") == .returned(["true"]))
    #expect(try state.run("pairs = 1 return pairs") == .returned(["1"]))
    #expect(try state.run("return type(pairs)") == .returned(["\"function\""]))
  }

  @Test func `the host's own code is neither frozen nor searched`() throws {
    let state = try LuaState()
    let prelude = try state.makeEnvironment()
    let chunk = try state.load(
      Array(
        "local n = {count = 0} local m = 0 return function() n.count = n.count + 1 m = m + 1 return n.count end".utf8),
      name: "prelude", environment: prelude, trusted: true)
    var ref: LuaRef?
    state.call(chunk, []) { ref = $0[0].hold() }
    try state.set(.words, "tick", .ref(try #require(ref)))
    try state.sealWords()
    let functions = try load(state, "local tick = tick return function() return tick() end")
    #expect(try state.assignments(in: functions[0]) == [])
    #expect(state.end(functions[0]) == .returned(["1"]))
    #expect(state.end(functions[0]) == .returned(["2"]))
  }
}

/// Assignments of locals that outlive the call.
@Suite struct Assignments {
  private func found(_ source: String) throws -> [String] {
    let state = try LuaState()
    return try state.assignments(in: state.held(source, name: "a.lua")).map { "\($0.name) \($0.file):\($0.line)" }
  }

  @Test func `a file's local is found with its name and line`() throws {
    #expect(
      try found("local count = 0\nreturn function()\n\n  count = count + 1\nend")
        == ["count a.lua:4"])
  }

  @Test func `locals of the call and its inner functions are not`() throws {
    #expect(try found("return function() local n = 0 local function f() n = n + 1 end f() return n end") == [])
    #expect(try found("local f f = function() return f end local t = {} return function() t.x = f end") == [])
  }

  @Test func `functions inside and functions reached are searched`() throws {
    #expect(
      try found("local a, b\nreturn function()\n  return function()\n    return function() b = 1 end\n  end\nend")
        == ["b a.lua:4"])
    #expect(
      try found("local n = 0\nlocal function next() n = n + 1 return n end\nreturn function() return next() end")
        == ["n a.lua:2"])
    #expect(
      try found("local n\nlocal M = {deep = {}}\nfunction M.deep.f() n = 1 end\nreturn function() return M end")
        == ["n a.lua:3"])
    #expect(
      try found(
        "local n\nlocal o = setmetatable({}, {__index = function()\n n = 1 end})\nreturn function() return o end")
        == ["n a.lua:3"])
    #expect(
      try found("local n\nfunction g() n = 1 end\nreturn function() return g() end")
        == ["n a.lua:2"])
  }

  @Test func `lines are right in long functions`() throws {
    let filler = String(repeating: "  local x = 1 + tostring(2)\n  do local y = x end\n", count: 90)
    #expect(try found("local n\nreturn function()\n\(filler)\n\n\n  n = 1\nend") == ["n a.lua:186"])
    let blanks = String(repeating: "\n", count: 400)
    #expect(
      try found("local n\nreturn function()\(blanks)  n = 1\(blanks) n = 2\nend") == ["n a.lua:402", "n a.lua:802"])
  }
}
