import Testing

@testable import Scripts

@Suite struct SourceFactsTests {
  private func facts(_ source: String) -> SourceFacts { SourceFacts(Tokens(Array(source.utf8))) }

  /// `name@line`, with "!" for a write and "'" within a function.
  private func globals(_ source: String) -> [String] {
    facts(source).globals.map {
      "\($0.name)\($0.field.map { "." + $0 } ?? "")@\($0.line)\($0.isWrite ? "!" : "")\($0.isInFunction ? "'" : "")"
    }
  }

  @Test(arguments: [
    ("local x = x", ["x@1"]),
    ("local x <const>, y = 1, 2 x = y", []),
    ("local function f() return f end f()", []),
    ("local f = function() return f end", ["f@1'"]),
    ("function f() g() end", ["f@1!", "g@1'"]),
    ("function a.b.c(x) return x end function a:m() return self end", ["a@1", "a@1"]),
    ("x, y.z, w = 1", ["y.z@1", "x@1!", "w@1!"]),
    ("x()", ["x@1"]),
    ("(x).y = 1", ["x@1"]),
    ("for i = a, b do c(i) end c(i)", ["a@1", "b@1", "c@1", "c@1", "i@1"]),
    ("for k, v in pairs(t) do k = v end", ["pairs@1", "t@1"]),
    ("repeat local done = f() until done print(done)", ["f@1", "print@1", "done@1"]),
    ("do local a = 1 end a = 2", ["a@1!"]),
    ("if a then local b b = 1 elseif c then b = 2 else b = 3 end", ["a@1", "c@1", "b@1!", "b@1!"]),
    ("while not a or #b == -c do break end goto d ::d::", ["a@1", "b@1", "c@1"]),
    ("return { a = b, [c] = d, e, function(f) return f, g end; h }", ["b@1", "c@1", "d@1", "e@1", "g@1'", "h@1"]),
    ("local t = {} t.x = y t[z] = 1 t:m 'q' { w = v }", ["y@1", "z@1", "v@1"]),
    ("os.time() os['time']() local io io.open()", ["os.time@1", "os@1"]),
    ("f 'a' { b } (c)\ng\n(d)", ["f@1", "b@1", "c@1", "g@2", "d@3"]),
    ("local a = function(...) local x, y = ... return x .. y end a(1)", []),
    ("x = a ~ ~b // c << d and 'and' .. \"..\" .. [[ e ]]", ["a@1", "b@1", "c@1", "d@1", "x@1!"]),
    ("", []),
  ])
  func `globals are told from locals`(source: String, expected: [String]) { #expect(globals(source) == expected) }

  @Test func `literal types that are emitted are found`() {
    let source = """
      consumer "a" { on = { A = function(e)
        emit("B", {}) emit "C" emit('D' .. e.type)
        local emit = f emit("E")
      end } }
      """
    #expect(facts(source).emits.map { "\($0.type)@\($0.line)" } == ["B@2", "C@2"])
  }

  @Test func `fields of a function's first parameter are found`() {
    let source = """
      f(function(event, other)
        local x = event.price + event.data.price + other.y
        return function(inner) return event.deep, inner.z end
      end)
      event.no = 1
      """
    #expect(
      facts(source).parameterFields.map { "\($0.functionLine):\($0.parameter).\($0.field)@\($0.line)" }
        == ["1:event.price@2", "1:event.data@2", "1:event.deep@3", "3:inner.z@3"])
  }

  @Test func `every cut of a source ends`() {
    let source = Array(
      "local a <const> = { [f()] = function(x, ...) return x:y'z' end; 1 } for i = 1, 2 do goto l ::l:: end".utf8)
    for count in 0...source.count { _ = SourceFacts(Tokens(Array(source[..<count]))) }
  }
}
