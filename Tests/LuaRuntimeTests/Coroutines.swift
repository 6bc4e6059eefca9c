import Events
import LuaRuntime
import TestKit
import Testing

/// A state whose scripts have one word more: `wait(name)` puts the coroutine down and returns what it is resumed with.
private final class Bench {
  let state: LuaState
  /// What `wait` was called with, in order.
  var waits: [String] = []
  var coroutine: LuaCoroutine?

  init(_ limits: LuaLimits = .stretched) throws {
    state = try LuaState(limits: limits)
    try state.register("wait") { [unowned self] call in
      guard call.canWait else { return .error("wait cannot wait here") }
      waits.append(call[0].text ?? "")
      return .wait
    }
    try state.register("stop") { call in .abort(kind: 4, message: call[0].text ?? "") }
    try state.register("twice") { call in
      guard let function = call[0].hold() else { return .error("no function") }
      let outcome = call.call(function)
      if let error = outcome.error { return .bareError(error.message) }
      return .done
    }
    try state.sealWords()
  }

  /// A coroutine of what `source` returns.
  func start(_ source: String, _ values: [LuaArgument] = []) throws -> String {
    coroutine = try state.makeCoroutine(try state.held(source))
    return resume(values)
  }

  /// `waits NAME`, or how it ended.
  func resume(_ values: [LuaArgument] = []) -> String {
    var shown: [String] = []
    let progress = state.resume(coroutine!, values) { results in
      for position in 0..<results.count { shown.append(show(results[position])) }
    }
    #expect(state.height == 0)
    switch progress {
    case .waits: return "waits \(waits.last ?? "")"
    case .ended(.returned): return Ending.returned(shown).description
    case .ended(.aborted(let abort)): return Ending.aborted(abort.kind, abort.message).description
    case .ended(let outcome): return Ending(outcome.error!).description
    }
  }

  var isDead: Bool { state.isDead }
  var memory: Int { state.memory }

  func close() {
    if let coroutine { state.close(coroutine) }
    coroutine = nil
  }
}

@Suite struct Coroutines {
  @Test func `a function goes on where it was put down, with what it has waited for`() throws {
    let bench = try Bench()
    let source = """
      return function(a)
        local seen = { a }
        local function ask(name) local x, y = wait(name) seen[#seen + 1] = x seen[#seen + 1] = y end
        for i = 1, 3 do ask("w" .. i) end
        return seen, "end"
      end
      """
    #expect(try bench.start(source, [.integer(7)]) == "waits w1")
    #expect(bench.resume([.integer(1), .integer(2)]) == "waits w2")
    #expect(bench.resume([]) == "waits w3")
    let json = Array(#"{"deep":[1,[]]}"#.utf8)
    let ended = json.withUnsafeBytes { bench.resume([.json($0), .none, .boolean(true)]) }
    #expect(ended == #"returned ["[7,1,2,{\"deep\":[1,[]]}]", "\"end\""]"#)
    #expect(bench.resume() == "host the coroutine does not wait")
    bench.close()
  }

  @Test func `one state keeps many that wait, and ordinary calls in between`() throws {
    let bench = try Bench()
    let function = try bench.state.held("return function(n) local m = wait('x') return n, m end")
    let all = try (0..<500).map { _ in try bench.state.makeCoroutine(function) }
    for (number, coroutine) in all.enumerated() {
      guard case .waits = bench.state.resume(coroutine, [.integer(Int64(number))]) else {
        Issue.record("\(number) does not wait")
        return
      }
      if number % 50 == 0 { #expect(try bench.state.run("return 1") == .returned(["1"])) }
    }
    bench.state.collectGarbage()
    for (number, coroutine) in all.enumerated().reversed() {
      var values: [String] = []
      let progress = bench.state.resume(coroutine, [.integer(-1)]) { values = [show($0[0]), show($0[1])] }
      guard case .ended(.returned(2)) = progress else {
        Issue.record("\(number): \(progress)")
        return
      }
      #expect(values == ["\(number)", "-1"])
      bench.state.close(coroutine)
    }
  }

  @Test func `pcall waits, catches what comes after a wait, and goes on`() throws {
    let bench = try Bench()
    let source = """
      return function()
        local notes = {}
        notes[1] = { pcall(function() local x = wait("a") error("after " .. x, 0) end) }
        notes[2] = { pcall(pcall, function() wait("b") error({ code = 1 }) end) }
        notes[3] = { pcall(function() return wait("c"), "fine" end) }
        notes[4] = { pcall(function() string.gsub(("x"):rep(5000), "x", function() error("inside", 0) end) end) }
        notes[5] = string.rep("ab", 3) .. string.format("%d", 5)
        return notes
      end
      """
    #expect(try bench.start(source) == "waits a")
    let text = Array("x".utf8)
    #expect(text.withUnsafeBytes { bench.resume([.string($0)]) } == "waits b")
    #expect(bench.resume() == "waits c")
    let notes = [
      #"[false,"after x"]"#, #"[true,false,{"code":1}]"#, #"[true,1,"fine"]"#, #"[false,"inside"]"#, #""ababab5""#,
    ]
    #expect(bench.resume([.integer(1)]) == Ending.returned(["[" + notes.joined(separator: ",") + "]"]).description)
  }

  @Test func `an error has its place and its frames, and the state goes on`() throws {
    let bench = try Bench()
    let source =
      "return function()\n  local function inner()\n    wait('a')\n    error('x')\n  end\n  inner()\n  return 1\nend"
    #expect(try bench.start(source) == "waits a")
    let progress = bench.state.resume(bench.coroutine!)
    guard case .ended(.failed(let error)) = progress else {
      Issue.record("\(progress)")
      return
    }
    #expect(error.message == "t.lua:4: x")
    let frames = error.traceback.split(separator: "\n")
    #expect(frames.contains { $0.hasPrefix("t.lua:4:") } && frames.contains { $0.hasPrefix("t.lua:6:") }, "\(frames)")
    #expect(bench.resume() == "host the coroutine does not wait")
    #expect(!bench.isDead)
    for (raised, shown) in [("nil", "nil"), ("7", "7"), ("{ a = 1 }", #"{"a":1}"#), ("print", "nil")] {
      #expect(try bench.start("return function() error(\(raised)) end") == "failed \(shown)")
    }
    #expect(try bench.state.run("return 1") == .returned(["1"]))
  }

  @Test func `an abort passes through every pcall, before and after a wait`() throws {
    let bench = try Bench()
    #expect(
      try bench.start("return function() pcall(pcall, function() stop('now') end) return 1 end") == "aborted 4 now")
    #expect(
      try bench.start("return function() pcall(function() wait('a') pcall(stop, 'later') end) wait('b') end")
        == "waits a")
    #expect(bench.resume() == "aborted 4 later")
    #expect(try bench.start("return function() wait('c') end") == "waits c")
  }

  @Test(arguments: [
    "table.sort({ 1, 2 }, function(a, b) wait('x') return a < b end)",
    "string.gsub('abc', 'b', function() wait('x') end)",
    "tostring(setmetatable({}, { __tostring = function() wait('x') return '' end }))",
    "twice(function() wait('x') end)",
  ])
  func `a wait below a function of the library is a clear error and harms nothing`(code: String) throws {
    let bench = try Bench()
    let source =
      "return function()\n local ok, why = pcall(function() \(code) end)\n wait('outside') return ok, why end"
    #expect(try bench.start(source) == "waits outside")
    #expect(bench.resume() == #"returned ["false", "\"t.lua:2: wait cannot wait here\""]"#)
    #expect(bench.waits == ["outside"])
  }

  @Test func `a wait in an ordinary call is an error`() throws {
    let bench = try Bench()
    #expect(try bench.state.run("wait('x')") == .failed("t.lua:1: wait cannot wait here"))
    bench.state.collectGarbage()
    // A host function that does not ask first gets Lua's own error.
    let other = try LuaState()
    try other.register("wait") { _ in .wait }
    #expect(try other.run("wait()") == .failed("attempt to yield from outside a coroutine"))
    let coroutine = try other.makeCoroutine(
      try other.held("return function() table.sort({ 1, 2 }, function() wait() end) end"))
    guard case .ended(.failed(let error)) = other.resume(coroutine) else {
      Issue.record("it waits")
      return
    }
    #expect(error.message == "attempt to yield across a C-call boundary")
  }

  @Test(arguments: [
    ("local t = setmetatable({}, { __index = function(t, k) return wait('m') + 1 end })", "t.x"),
    ("local t = setmetatable({}, { __add = function(a, b) return wait('m') + 1 end })", "t + 1"),
    ("local t = setmetatable({}, { __call = function(t, a) return wait('m') + a end })", "t(1)"),
    ("local t = setmetatable({}, { __len = function(t) return wait('m') + 1 end })", "#t"),
    ("local t = setmetatable({}, { __unm = function(t) return wait('m') + 1 end })", "-t"),
    ("local n = 0 for v in function() if n == 0 then n = wait('m') return n end end do n = v + 1 end", "n"),
    ("local t = setmetatable({}, { __lt = function() return wait('m') == 1 end })", "(t < t) and 2"),
    ("local r local t = setmetatable({}, { __newindex = function(t, k, v) r = wait('m') + v end }) t.x = 1", "r"),
  ])
  func `a wait in a metamethod that a script's own code calls works`(made: String, expression: String) throws {
    let bench = try Bench()
    #expect(try bench.start("return function() \(made) return \(expression) end") == "waits m")
    #expect(bench.resume([.integer(1)]) == #"returned ["2"]"#)
  }

  // MARK: limits

  @Test func `every piece has a whole budget, and no more`() throws {
    var limits = LuaLimits.stretched
    limits.instructions = 1_000_000
    let bench = try Bench(limits)
    let source = """
      return function()
        for n = 1, 6 do for i = 1, 300000 do end wait("n" .. n) end
        while true do end
      end
      """
    #expect(try bench.start(source) == "waits n1")
    for n in 2...6 { #expect(bench.resume() == "waits n\(n)") }
    #expect(bench.resume() == "time")
    #expect(bench.isDead)
    #expect(bench.resume() == "host the interpreter hit a limit before and must be replaced")
    bench.close()
  }

  @Test func `pcall does not keep a piece alive that has used up its budget`() throws {
    for body in ["while true do end", "while true do pcall(function() while true do end end) end"] {
      let bench = try Bench()
      #expect(try bench.start("return function() pcall(function() wait('a') \(body) end) wait('b') end") == "waits a")
      #expect(bench.resume() == "time")
      #expect(bench.waits == ["a"])
    }
  }

  @Test func `memory is counted across waits and is free again when a coroutine is closed`() throws {
    let bench = try Bench()
    bench.state.collectGarbage()
    let before = bench.state.memory
    let source = "return function() local t = {} for i = 1, 100000 do t[i] = { i } end wait('full') return #t end"
    #expect(try bench.start(source) == "waits full")
    bench.state.collectGarbage()
    #expect(bench.memory > before + 4_000_000)
    bench.close()
    bench.state.collectGarbage()
    #expect(bench.memory < before + 100_000, "\(bench.memory) and \(before)")
  }

  @Test func `eating memory piece by piece ends, and cannot be caught`() throws {
    var limits = LuaLimits.stretched
    limits.memory = 8 << 20
    let bench = try Bench(limits)
    let source = """
      return function()
        local t = {}
        while true do
          pcall(function() for i = 1, 1000 do t[#t + 1] = ("x"):rep(200) .. #t end end)
          wait("more")
        end
      end
      """
    var ending = try bench.start(source)
    var pieces = 0
    while ending == "waits more", pieces < 1000 {
      ending = bench.resume()
      pieces += 1
    }
    #expect(ending == "memory" && pieces > 3, "\(ending) after \(pieces)")
    #expect(bench.isDead)
  }

  @Test func `recursion without end is an error in a coroutine too`() throws {
    let bench = try Bench()
    #expect(try bench.start("local function f() return 1 + f() end return function() wait('a') f() end") == "waits a")
    let ending = bench.resume()
    #expect(ending.contains("stack overflow") || ending == "memory", "\(ending)")
  }

  @Test func `refusing any allocation of a piece ends it cleanly`() throws {
    let source = """
      return function(e)
        local list = {}
        for i = 1, 20 do list[i] = { i, tostring(i) .. "x", function() return i end } end
        local ok = pcall(function() local got = wait("a") list[#list + 1] = got.data error({}) end)
        table.sort(list, function(a, b) return (a[1] or 0) > (b[1] or 0) end)
        return string.format("%s %d", tostring(ok), #list), json.encode(list[1] and list[1][1])
      end
      """
    let json = Array(#"{"data":{"items":[1,2,3]}}"#.utf8)
    var number = 1
    var died = 0
    while number < 400 {
      let bench = try Bench()
      let first = number % 2 == 0
      bench.coroutine = try bench.state.makeCoroutine(try bench.state.held(source))
      if first { bench.state.refuseAllocation(number) }
      var ending = bench.resume([.integer(1)])
      if ending == "waits a" {
        if !first { bench.state.refuseAllocation(number) }
        ending = json.withUnsafeBytes { bench.resume([.json($0)]) }
      }
      if ending == "memory" {
        died += 1
        #expect(bench.isDead)
      } else {
        #expect(ending.hasPrefix("returned"), "\(number): \(ending)")
      }
      bench.close()
      number += 1
    }
    #expect(died > 20, "\(died)")
  }

  @Test func `what is resumed wrongly is the host's fault and changes nothing`() throws {
    let bench = try Bench()
    #expect(try bench.start("return function() local x = wait('a') return x end") == "waits a")
    let bad = Array("{".utf8)
    let ending = bad.withUnsafeBytes { bench.resume([.json($0)]) }
    #expect(ending.hasPrefix("host the value is not JSON"), "\(ending)")
    #expect(bench.resume([.integer(3)]) == #"returned ["3"]"#)
    var inside: LuaProgress?
    try LuaNesting.run { state, coroutine in inside = state.resume(coroutine) }
    guard case .ended(.host(let error))? = inside else {
      Issue.record("\(String(describing: inside))")
      return
    }
    #expect(error.message == "a coroutine is resumed inside of a call")
  }

  @Test func `the same seed gives the same numbers wherever the pieces are cut`() throws {
    func numbers() throws -> [String] {
      let bench = try Bench()
      var all: [String] = []
      bench.state.seed(1, 2)
      all.append(try bench.start("return function() while true do wait(tostring(math.random(1000000))) end end"))
      for step in 0..<5 {
        bench.state.seed(1, UInt64(step) + 3)
        all.append(bench.resume())
      }
      return all
    }
    let first = try numbers()
    #expect(try numbers() == first)
    #expect(Set(first).count == 6)
  }

  @Test(arguments: HostileScript.all)
  func `a hostile script after a wait harms nobody`(script: HostileScript) throws {
    let bench = try Bench(
      {
        var limits = LuaLimits()
        limits.nanoseconds = 250_000_000
        return limits
      }())
    let source = "return function() pcall(wait, 'before')\n\(script.source)\nend"
    let environment = try bench.state.makeEnvironment()
    guard let chunk = try? bench.state.load(Array(source.utf8), name: "hostile.lua", environment: environment) else {
      return
    }
    var function: LuaRef?
    bench.state.call(chunk, []) { function = $0[0].hold() }
    bench.coroutine = try bench.state.makeCoroutine(try #require(function))
    #expect(bench.resume() == "waits before")
    let start = processorTime()
    let ending = bench.resume()
    let took = processorTime() - start
    #expect(took < Slowness.stretch(.milliseconds(375)), "\(script.name) took \(took): \(ending)")
    #expect(bench.memory <= LuaLimits().memory)
    #expect(!ending.hasPrefix("host"), "\(script.name): \(ending)")
    bench.close()
    if !bench.state.isDead {
      #expect(try bench.state.run("return #string.rep('ab', 3)") == .returned(["6"]))
    }
  }
}

/// Resumes a coroutine from within a host function.
private enum LuaNesting {
  static func run(_ body: @escaping (borrowing LuaState, LuaCoroutine) -> Void) throws {
    final class Holder {
      let state: LuaState
      var coroutine: LuaCoroutine?
      init() throws { state = try LuaState() }
    }
    let holder = try Holder()
    try holder.state.register("nest") { [unowned holder] _ in
      body(holder.state, holder.coroutine!)
      return .done
    }
    holder.coroutine = try holder.state.makeCoroutine(try holder.state.held("return function() end"))
    #expect(try holder.state.run("nest()") == .returned([]))
  }
}
