import Events
import Foundation
import LuaRuntime
import TestKit
import Testing

/// Memory, instructions and the clock.
@Suite struct Limits {
  /// Uses most of what a script can: every kind of value, library calls that call back, JSON, a record, host functions.
  private static let representative = """
    local Point = {} Point.__index = Point
    function Point.__add(a, b) return setmetatable({x = a.x + b.x}, Point) end
    function Point.__tostring(p) return 'point ' .. p.x end
    local function sum(...) local n = 0 for _, v in ipairs({...}) do n = n + v end return n end
    return function(event)
      local parts, seen = {}, {}
      for k, v in pairs({a = 1, b = 2, [1] = 'x', [2.5] = true}) do
        parts[#parts + 1] = tostring(k) .. '=' .. tostring(v)
      end
      for i = 1, 40 do seen['key ' .. i] = {i, i * 1.5, tostring(i)} end
      table.sort(parts, function(a, b) return a > b end)
      local text = table.concat(parts, ',') .. string.rep('ab', 200, '-')
      text = text .. string.format('%5.2f %q %s', 1.5, 'a\\n', nil)
      text = string.gsub(text, '%w+', function(word) return word:upper() end)
      for word in string.gmatch(text, '%a+') do seen[word] = #word end
      local p = setmetatable({x = 1}, Point) + setmetatable({x = 2}, Point)
      local ok, message = pcall(function() error({code = string.rep('e', 100)}) end)
      local copy = json.decode(json.encode({list = array {}, seen = seen, data = event.data}))
      local bytes = {string.byte(text, 1, 20)}
      local echoed, decoded = echo('value of ' .. event.type, copy)
      local packed = table.pack(table.unpack(bytes))
      table.move(packed, 1, 5, 3)
      return sum(1, 2, 3), tostring(p), utf8.char(8364, 65), echoed, decoded.n, copy.data.items[2], next(seen)
    end
    """

  private func prepare(_ limits: LuaLimits = LuaLimits()) throws -> Prepared {
    try Prepared(limits, Self.representative)
  }

  private final class Prepared {
    let state: LuaState
    let shape: LuaShape
    let handler: LuaRef
    let data = Array(#"{"items":[1,"two",{"three":3}],"text":"a\nb","n":null}"#.utf8)

    init(_ limits: LuaLimits, _ source: String) throws {
      state = try LuaState(limits: limits)
      try state.register("echo") { call in
        call.add(call[0].text ?? "")
        var text = "{\"n\":[1,2,3]}"
        text.withUTF8 { call.add(.json(UnsafeRawBufferPointer($0))) }
        return .done
      }
      shape = try state.registerShape(["type", "data"])
      handler = try state.held(source)
    }

    func run() -> Ending {
      Array("Order".utf8).withUnsafeBytes { type in
        data.withUnsafeBytes { data in
          state.setField(shape, 0, .string(type))
          state.setField(shape, 1, .json(data))
          return state.end(handler, [.record(shape)])
        }
      }
    }
  }

  private static let expected = Ending.returned([
    "6", "\"point 3\"", "\"€A\"", "\"value of Order\"", "[1,2,3]", "\"two\"", "\"A\"", "1",
  ])

  @Test func `whichever allocation is refused, the call ends for want of memory and nothing else happens`() throws {
    #expect(try prepare().run() == Self.expected)
    var refused = 0
    while refused < 20_000 {
      let prepared = try prepare()
      prepared.state.refuseAllocation(refused + 1)
      let ending = prepared.run()
      #expect(prepared.state.height == 0)
      if ending == Self.expected { break }
      refused += 1
      #expect(ending == .memory, "allocation \(refused): \(ending)")
      #expect(prepared.state.isDead == true, "allocation \(refused)")
      if ending != .memory { return }
    }
    #expect(refused > 300 && refused < 20_000)
  }

  @Test func `however small the memory is, the call ends by it or does its work`() throws {
    let needed = try prepare().state.memory
    var worked = false
    for extra in stride(from: 0, to: 200_000, by: 1_999) {
      var limits = LuaLimits()
      limits.memory = needed + extra
      let prepared: Prepared
      do {
        prepared = try prepare(limits)
      } catch let error as LuaError where error.code == .memory {
        continue
      }
      switch prepared.run() {
      case Self.expected: worked = true
      case .memory: #expect(worked == false, "\(extra) bytes were enough before")
      case let other: Issue.record("\(extra): \(other)")
      }
      #expect(prepared.state.height == 0)
      #expect(prepared.state.memory < limits.memory + 20_000)
    }
    #expect(worked)
  }

  @Test func `a call uses the same number of instructions in every state`() throws {
    var used: Set<Int> = []
    for round in 0..<8 {
      let prepared = try prepare()
      if round % 2 == 1 { prepared.state.collectGarbage() }
      #expect(prepared.run() == Self.expected)
      used.insert(prepared.state.remainingInstructions)
    }
    #expect(used.count == 1, "\(used)")
  }

  @Test func `instructions end a call before the clock does`() throws {
    for source in [
      "while true do end", "local t = {} while true do t = {} end", "while true do local s = ('x'):rep(100) end",
      "local s = '' for i = 1, 1e9 do s = tostring(i) end", "while true do pcall(error, 'x') end",
      "while true do string.find('aaaaaaaaaa', 'a-b') end", "local t = {1,2,3} while true do json.encode(t) end",
    ] {
      var limits = LuaLimits()
      limits.instructions /= Slowness.factor
      limits.nanoseconds = 60_000_000_000
      let state = try LuaState(limits: limits)
      let chunk = try state.load(Array(source.utf8), name: "t.lua", environment: state.makeEnvironment())
      guard case .time(let error) = state.call(chunk) else {
        Issue.record("it ended")
        continue
      }
      #expect(error.message == "did more than \(limits.instructions) instructions", "\(source)")
      #expect(error.traceback.hasPrefix("t.lua:1:") || error.traceback.contains("\nt.lua:1:"), "\(error.traceback)")
    }
  }

  @Test func `the clock ends what instructions do not see`() throws {
    var limits = LuaLimits()
    limits.instructions = Int.max / 4
    limits.nanoseconds = 50_000_000
    let state = try LuaState(limits: limits)
    let chunk = try state.load(Array("while true do end".utf8), name: "t.lua", environment: state.makeEnvironment())
    guard case .time(let error) = state.call(chunk) else {
      Issue.record("it ended")
      return
    }
    #expect(error.message == "took longer than 50 ms")
  }

  @Test func `a source that compiles in quadratic time is stopped`() throws {
    var limits = LuaLimits()
    limits.compileNanoseconds = 5_000_000
    let state = try LuaState(limits: limits)
    let labels = (0..<9_000).map { "::l\($0)::a=1" }.joined(separator: " ")
    let environment = try state.makeEnvironment()
    #expect(throws: LuaError(.time, "l.lua: takes too long to compile")) {
      _ = try state.load(Array(labels.utf8), name: "l.lua", environment: environment)
    }
    #expect(state.isDead == true)
  }

  @Test func `recursion without end is said as that`() throws {
    let state = try LuaState(limits: .stretched)
    for source in [
      "local function f() return 1 + f() end return f()", "local function f(a) return 1 + f(a, a) end return f(1)",
    ] {
      guard case .failed(let message) = try state.run(source) else {
        Issue.record("it did not fail")
        continue
      }
      #expect(message.hasPrefix("t.lua:1: stack overflow"), "\(message)")
    }
    #expect(try state.run("return 1") == .returned(["1"]))
  }

  @Test func `a deep recursion that ends does its work`() throws {
    let source = "local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end return f(190000)"
    #expect(try LuaState(limits: .stretched).run(source) == .returned(["190000"]))
  }

  /// Counting all frames of a runaway recursion took longer than the recursion.
  @Test func `the traceback of a deep recursion shows where it is and leaves the rest out`() throws {
    let state = try LuaState(limits: .stretched)
    let source = "local function f(n)\n  if n == 0 then error('deep') end\n  return 1 + f(n - 1)\nend\n"
    let around = "local function begin(n)\n  return 0 + f(n)\nend\nreturn begin"
    let begin = try state.held(source + around)
    let middle = Array(repeating: "t.lua:3: in upvalue 'f'", count: 8)
    let top = ["[C]: in global 'error'", "t.lua:2: in upvalue 'f'"]
    for (depth, below) in [
      (9, ["t.lua:3: in upvalue 'f'", "t.lua:6: in function <t.lua:5>"]),
      (100_000, ["... (1000 levels or more)"]),
    ] {
      let error = try #require(state.call(begin, .integer(Int64(depth))).error)
      #expect(error.message == "t.lua:2: deep")
      #expect(error.traceback.split(separator: "\n").map(String.init) == top + middle + below, "\(depth)")
    }
    let error = try #require(state.call(begin, .integer(500)).error)
    let frames = error.traceback.split(separator: "\n")
    #expect(frames.count == 21 && frames[10] == "... (skipping 483 levels)", "\(error.traceback)")
    #expect(frames.last == "t.lua:6: in function <t.lua:5>")
  }

  @Test func `what eats the memory has a traceback`() throws {
    let state = try LuaState(limits: .stretched)
    let source = "local function eat()\n  local t = {}\n  for i = 1, 1e9 do t[i] = {i} end\nend\neat() return 1"
    let chunk = try state.load(Array(source.utf8), name: "m.lua", environment: state.makeEnvironment())
    // On a busy machine the clock must not be what ends it.
    state.setBudget(nanoseconds: 60_000_000_000)
    guard case .memory(let error) = state.call(chunk) else {
      Issue.record("it ended otherwise")
      return
    }
    #expect(error.traceback.contains("m.lua:3:") && error.traceback.contains("m.lua:5:"), "\(error.traceback)")
  }

  @Test func `what the compiler cannot nest is refused with a position`() throws {
    let state = try LuaState()
    guard case .syntax(let message) = try state.run(String(repeating: "do\n", count: 300), name: "deep.lua") else {
      Issue.record("it compiled")
      return
    }
    #expect(message.hasPrefix("deep.lua:"), "\(message)")
  }

  @Test func `a call before the limit leaves nothing behind`() throws {
    var limits = LuaLimits()
    limits.nanoseconds = 60_000_000_000
    let state = try LuaState(limits: limits)
    let handler = try state.held(
      "return function(n) local t = {} for i = 1, n do t[i] = ('x'):rep(1000) .. i end return #t end")
    for _ in 0..<5 { #expect(state.end(handler, [.integer(30_000)]) == .returned(["30000"])) }
    state.collectGarbage()
    #expect(state.memory < 200_000)
  }

  @Test func `random numbers follow the seed alone`() throws {
    let source = "return function() return math.random(), math.random(1000), math.random(-5, 5), math.random(0) end"
    var first: [Ending] = []
    for round in 0..<2 {
      let state = try LuaState()
      let handler = try state.held(source)
      for seed in 0..<20 {
        state.seed(7, UInt64(seed))
        let ending = state.end(handler)
        if round == 0 { first.append(ending) } else { #expect(ending == first[seed]) }
      }
    }
    #expect(Set(first.map(\.description)).count == 20)
  }
}

/// The caller's thread needs 2 MiB of stack, whatever a script does.
@Suite struct StackOfTheThread {
  private static let sources = [
    "local function f() return pcall(f) end return f()",
    "local function f(n) return (string.gsub('x', 'x', function() return f(n + 1) end)) end return f(0)",
    "local t = setmetatable({}, {__tostring = function(t) return string.format('%s', t) end}) return tostring(t)",
    "local function f() local t = {2, 1} table.sort(t, function() f() return true end) end f()",
    "local mt = {} mt.__index = function(t, k) return t[k .. 'x'] end return setmetatable({}, mt).a",
    "local mt = {} mt.__lt = function(a, b) return a < b end return setmetatable({}, mt) < setmetatable({}, mt)",
    """
    local function f(n)
      if n == 0 then return json.decode(('['):rep(64) .. (']'):rep(64)) end
      return select(2, pcall(f, n - 1))
    end
    return json.encode(f(180))
    """,
    """
    local function f(n)
      if n == 0 then return string.find(('a'):rep(300), ('a?'):rep(198)) end
      return pcall(f, n - 1)
    end
    return f(180)
    """,
    "local function f() return echo(f) end return f()",
  ]

  @Test(arguments: sources)
  func `is enough at two MiB`(source: String) async throws {
    let ending = await withCheckedContinuation { continuation in
      let thread = Thread {
        continuation.resume(
          returning: Result {
            let state = try LuaState(limits: .stretched)
            try state.register("echo") { call in
              if let function = call[0].hold() { _ = call.call(function) }
              return .done
            }
            return try state.run(source)
          })
      }
      thread.stackSize = 2 << 20
      thread.start()
    }
    switch try ending.get() {
    case .returned, .failed: break
    case let other: Issue.record("\(other)")
    }
  }
}
