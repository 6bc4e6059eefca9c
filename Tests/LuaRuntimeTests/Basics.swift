import Events
import LuaRuntime
import Testing

@Suite struct Basics {
  @Test func `a script is compiled, called and returns values`() throws {
    let state = try LuaState()
    #expect(try state.run("return 1 + 1, 'a', nil, true") == .returned(["2", "\"a\"", "null", "true"]))
    #expect(state.height == 0)
  }

  @Test func `an error says file and line and leaves the state usable`() throws {
    let state = try LuaState()
    #expect(
      try state.run("local t = nil\nreturn t.x", name: "lib/a.lua")
        == .failed("lib/a.lua:2: attempt to index a nil value (local 't')"))
    #expect(try state.run("error('plain', 0)") == .failed("plain"))
    #expect(try state.run("error({code = 7})") == .failed("{\"code\":7}"))
    #expect(try state.run("error(nil)") == .failed("nil"))
    #expect(try state.run("error(setmetatable({}, {__tostring = function() while true do end end}))") == .failed("{}"))
    #expect(try state.run("return 'fine'") == .returned(["\"fine\""]))
    #expect(state.isDead == false)
    #expect(state.height == 0)
  }

  @Test func `a traceback names the script's frames only`() throws {
    let state = try LuaState()
    let chunk = try state.load(
      Array("local function inner() error('x') end\nlocal function outer() inner() end\nouter() return 1".utf8),
      name: "a.lua", environment: try state.makeEnvironment())
    let error = try #require(state.call(chunk).error)
    #expect(error.message == "a.lua:1: x")
    let frames = error.traceback.split(separator: "\n")
    #expect(frames.contains { $0.hasPrefix("a.lua:1:") } && frames.contains { $0.hasPrefix("a.lua:2:") })
    #expect(frames.last?.hasPrefix("a.lua:3:") == true, "\(error.traceback)")
    #expect(error.position?.file == "a.lua" && error.position?.line == 1 && error.position?.text == "x")
  }

  @Test func `what does not compile is refused with its line`() throws {
    let state = try LuaState()
    guard case .syntax(let message) = try state.run("local a =\n\n= 2", name: "x.lua") else {
      Issue.record("it compiled")
      return
    }
    #expect(message.hasPrefix("x.lua:3:"), "\(message)")
    guard case .syntax(let bytecode) = try state.run("\u{1B}Lua") else {
      Issue.record("bytecode was taken")
      return
    }
    #expect(bytecode.contains("binary"), "\(bytecode)")
    let environment = try state.makeEnvironment()
    #expect(throws: LuaError(.syntax, "b.lua:2: the file is not UTF-8 text")) {
      _ = try state.load([10, 0x2D, 0x2D, 0xFF], name: "b.lua", environment: environment)
    }
    #expect(throws: LuaError.self) {
      _ = try state.load([UInt8](repeating: 32, count: 128 << 10 + 1), name: "b.lua", environment: environment)
    }
  }

  @Test func `each environment has its own globals and sees the words`() throws {
    let state = try LuaState()
    let first = try state.makeEnvironment()
    let second = try state.makeEnvironment()
    _ = try state.held("x = 1 return function() return x, y end", environment: first)
    let reader = try state.held("y = 2 return function() return x, y end", environment: second)
    #expect(state.end(reader) == .returned(["null", "2"]))
    try state.freezeEnvironment(second)
    let writer = try state.held("return function() x = 3 end", environment: second)
    #expect(state.end(writer) == .failed("t.lua:1: the global \"x\" would be lost"))
    let overwriter = try state.held("return function() y = 3 end", environment: second)
    #expect(state.end(overwriter) == .failed("t.lua:1: the global \"y\" would be lost"))
    #expect(state.end(reader) == .returned(["null", "2"]))
  }

  @Test func `a loop without end is stopped and the state is dead`() throws {
    let state = try LuaState()
    #expect(try state.run("pcall(function() while true do end end) return 1") == .time)
    #expect(state.isDead == true)
    #expect(try state.run("return 1") == .host("the interpreter hit a limit before"))
  }

  @Test func `eating memory is stopped and cannot be caught`() throws {
    var limits = LuaLimits()
    limits.nanoseconds = 60_000_000_000
    let state = try LuaState(limits: limits)
    let ending = try state.run("local t = {} while true do pcall(function() t = {t, ('x'):rep(1000)} end) end")
    #expect(ending == .memory, "\(ending)")
    #expect(state.isDead == true)
  }
}

@Suite struct HostFunctions {
  @Test func `a host function reads its arguments and returns results`() throws {
    let state = try LuaState()
    try state.register("probe") { call in
      call.add(.integer(Int64(call.count)))
      call.add(call[0].text ?? "none")
      call[1].withField("to") { call.add($0.text ?? "nobody") }
      call.add(.json(UnsafeRawBufferPointer(start: nil, count: 0)))
      return .done
    }
    let empty = try state.run("return probe('a', {to = 'b'})")
    #expect(empty == .failed("t.lua:1: the result is not JSON: Empty: no JSON found"))
    try state.register("good") { call in
      call.add(call[0].text ?? "none")
      call[1].withField("to") { call.add($0.text ?? "nobody") }
      var list = "[1,[],{}]"
      list.withUTF8 { call.add(.json(UnsafeRawBufferPointer($0))) }
      call.add(.none)
      return .done
    }
    #expect(try state.run("return good('a', {to = 'b'})") == .returned(["\"a\"", "\"b\"", "[1,[],{}]", "null"]))
  }

  @Test func `errors have the position of the call, aborts pass through pcall`() throws {
    let state = try LuaState()
    try state.register("bad") { _ in .error("no good") }
    try state.register("fail") { call in .abort(kind: 3, message: call[0].text ?? "") }
    #expect(try state.run("\nbad()", name: "h.lua") == .failed("h.lua:2: no good"))
    #expect(try state.run("return pcall(bad)") == .returned(["false", "\"no good\""]))
    #expect(try state.run("pcall(pcall, function() fail('out') end) return 1") == .aborted(3, "out"))
    #expect(try state.run("return 1") == .returned(["1"]))
  }

  @Test func `a host function can call back into the script`() throws {
    let state = try LuaState()
    let double = try state.held("return function(x) return 2 * x end")
    let broken = try state.held("return function(x) error('inside') end")
    let endless = try state.held("return function(x) while true do end end")
    try state.register("run") { call in
      let outcome = call.call(call[0].integer == 1 ? double : call[0].integer == 2 ? broken : endless, .integer(4))
      switch outcome {
      case .returned(let count): call.add(.integer(Int64(count)))
      case .failed(let error): return .bareError("again: \(error.message)")
      default: call.add("stopped")
      }
      return .done
    }
    #expect(try state.run("return run(1)") == .returned(["1"]))
    #expect(try state.run("return run(2)") == .failed("again: t.lua:1: inside"))
    #expect(try state.run("pcall(run, 3) return 1") == .time)
  }
}

@Suite struct Records {
  @Test func `fields are computed when touched and kept`() throws {
    let state = try LuaState()
    let shape = try state.registerShape(["type", "data", "position", "ext"])
    let handler = try state.held(
      "return function(e) e.data.x = e.data.x + 1 return e.type, e.data, e.position, e.ext, e.nothing end")
    let type = Array("OrderPlaced".utf8)
    let data = Array(#"{"x":41}"#.utf8)
    type.withUnsafeBytes { type in
      data.withUnsafeBytes { data in
        state.setField(shape, 0, .string(type))
        state.setField(shape, 1, .json(data))
        state.setField(shape, 2, .integer(7))
        state.setField(shape, 3, .none)
        #expect(
          state.end(handler, [.record(shape)]) == .returned(["\"OrderPlaced\"", "{\"x\":42}", "7", "null", "null"]))
        #expect(
          state.end(handler, [.record(shape)]) == .returned(["\"OrderPlaced\"", "{\"x\":42}", "7", "null", "null"]))
      }
    }
  }

  @Test func `visiting and encoding a record computes all of it`() throws {
    let state = try LuaState()
    let shape = try state.registerShape(["b", "a"])
    let lazily = try state.makeField { call in
      call.add("computed")
      return .done
    }
    state.setField(shape, 0, .hosted(lazily))
    state.setField(shape, 1, .boolean(true))
    let visit = try state.held("return function(e) local s = '' for k in pairs(e) do s = s .. k end return s end")
    #expect(state.end(visit, [.record(shape)]) == .returned(["\"ab\""]))
    let encode = try state.held("return function(e) return json.encode { inside = e } end")
    #expect(
      state.end(encode, [.record(shape)])
        == .returned([#""{\"inside\":{\"a\":true,\"b\":\"computed\"}}""#]))
  }

  @Test func `a record of an ended call is an error, not the next one`() throws {
    let state = try LuaState()
    let shape = try state.registerShape(["a"])
    state.setField(shape, 0, .integer(1))
    let keep = try state.held(
      "local kept return function(e) local old = kept kept = e if old then return old.a end end")
    #expect(state.end(keep, [.record(shape)]) == .returned([]))
    #expect(state.end(keep, [.record(shape)]) == .failed("t.lua:1: this value belongs to a call that has ended"))
  }

  @Test func `data that is not JSON is an error when touched`() throws {
    let state = try LuaState()
    let shape = try state.registerShape(["data"])
    let bad = Array("{\"a\":".utf8)
    try bad.withUnsafeBytes { bad in
      state.setField(shape, 0, .json(bad))
      guard
        case .failed(let message) = state.end(try state.held("return function(e) return e.data end"), [.record(shape)])
      else {
        Issue.record("it was taken")
        return
      }
      #expect(message.hasPrefix("t.lua:1: data is not JSON"), "\(message)")
    }
  }
}
