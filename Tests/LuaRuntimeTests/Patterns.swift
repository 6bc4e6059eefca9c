import CLua
import Events
import LuaRuntime
import Testing

/// Our matcher beside liblua's own, on generated patterns.
@Suite struct Patterns {
  private struct Generator {
    var random: Seeded

    struct Seeded: RandomNumberGenerator {
      var state: UInt64
      mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
      }
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
    mutating func pick(_ texts: [String]) -> String { texts[below(texts.count)] }

    mutating func subject() -> String {
      (0..<below(14)).map { _ in pick(["a", "b", "c", "1", " ", "(", ")", "x", ".", "-", "A"]) }.joined()
    }

    /// Mostly patterns that make sense; captures may be left open or closed twice.
    mutating func pattern() -> String {
      var text = below(6) == 0 ? "^" : ""
      var open = 0
      for _ in 0..<(1 + below(6)) {
        switch below(14) {
        case 0:
          text += "("
          open += 1
        case 1 where open > 0:
          text += ")"
          open -= 1
        case 2: text += pick(["%b()", "%f[%w]", "%f[^%w]", "%1", "%2", "()"])
        case 3: text += pick(["[abc]", "[^a]", "[a-c]", "[%w_]", "[]]", "[^]%s]", "[a-]", "[%a-z]"]) + quantifier()
        case 4, 5: text += pick(["%a", "%d", "%s", "%w", "%p", "%A", "%u", "%x", "%.", "%%"]) + quantifier()
        case 6: text += pick(["(", ")"])
        default: text += pick(["a", "b", "c", "1", ".", "x", "-", "$"]) + quantifier()
        }
      }
      if below(12) > 0 { text += String(repeating: ")", count: open) }
      return text + (below(6) == 0 ? "$" : "")
    }

    private mutating func quantifier() -> String { pick(["", "", "", "*", "+", "-", "?"]) }
  }

  private static let program = """
    local subject, pattern, replacement, start = ...
    local function show(ok, ...)
      if not ok then return "error" end
      local parts = {}
      for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
      return table.concat(parts, "|")
    end
    local words = {}
    local function gather(...)
      for w, v in string.gmatch(subject, pattern) do words[#words + 1] = tostring(w) .. ":" .. tostring(v) end
    end
    local gathered = pcall(gather)
    return show(pcall(string.find, subject, pattern, start)) .. "\\n"
      .. show(pcall(string.match, subject, pattern, start))
      .. "\\n" .. show(pcall(string.gsub, subject, pattern, replacement)) .. "\\n"
      .. (gathered and table.concat(words, ",") or "error")
    """

  @Test func `agree with the library's on generated patterns`() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var generator = Generator(random: .init(state: seed))
    let plain = luaL_newstate()!
    defer { lua_close(plain) }
    luaL_openlibs(plain)
    luaL_loadstring(plain, Self.program)
    let state = try LuaState()
    let ours = try state.load(Array(Self.program.utf8), name: "p.lua", environment: state.makeEnvironment())
    for round in 0..<20_000 {
      let subject = generator.subject()
      let pattern = generator.pattern()
      let replacement = generator.pick(["<%0>", "%1", "-", "%%", "%2x", "%"])
      let start = generator.below(8) - 3
      let expected = Self.run(plain, subject, pattern, replacement, start)
      var got = ""
      _ = Array(subject.utf8).withUnsafeBytes { subject in
        Array(pattern.utf8).withUnsafeBytes { pattern in
          Array(replacement.utf8).withUnsafeBytes { replacement in
            state.call(ours, [.string(subject), .string(pattern), .string(replacement), .integer(Int64(start))]) {
              got = $0[0].text ?? "?"
            }
          }
        }
      }
      #expect(got == expected, "round \(round) of seed \(seed): \(subject) \(pattern) \(replacement) \(start)")
      if got != expected { return }
    }
  }

  private static func run(
    _ state: OpaquePointer, _ subject: String, _ pattern: String, _ replacement: String, _ start: Int
  ) -> String {
    lua_pushvalue(state, 1)
    for text in [subject, pattern, replacement] { lua_pushstring(state, text) }
    lua_pushinteger(state, lua_Integer(start))
    lua_callk(state, 4, 1, 0, nil)
    let text = String(cString: lua_tolstring(state, -1, nil))
    lua_settop(state, 1)
    return text
  }

  /// The library finds these only when matching gets there; here they are errors whatever the subject is.
  @Test(arguments: ["[", "[a", "%", "a%", "%b", "%bx", "%f", "%fa", "[%", "^[^"])
  func `a pattern that makes no sense is an error`(pattern: String) throws {
    let state = try LuaState()
    let ending = try state.run("return pcall(string.find, '', [[\(pattern)]])")
    guard case .returned(let values) = ending else { return #expect(Bool(false), "\(ending)") }
    #expect(values.first == "false")
    #expect(values.last?.contains("pattern") == true)
  }

  @Test func `a pattern that backtracks without end is stopped`() throws {
    let state = try LuaState()
    #expect(
      try state.run("return string.find(string.rep('a', 30), string.rep('a?', 30) .. string.rep('a', 30))") == .time)
  }

  @Test(arguments: [
    ("%5d|%-5d|%05d", "42, 42, 42", "   42|42   |00042"), ("%x %X %o", "255, 255, 8", "ff FF 10"),
    ("%.3f %e %g", "1.5, 1.5, 1.5", "1.500 1.500000e+00 1.5"), ("%s %s %s", "nil, true, {}", "nil true table"),
    ("%q", "'a\\n\"b\\0'", "\"a\\\n\\\"b\\0\""), ("%10.2s|", "'abc'", "        ab|"), ("%c%c", "72, 105", "Hi"),
    ("100%%", "", "100%"),
  ])
  func `formats as the manual says`(format: String, arguments: String, text: String) throws {
    let state = try LuaState()
    let call = arguments.isEmpty ? "" : ", \(arguments)"
    let held = try state.held("return (string.format('\(format)'\(call)))")
    state.with(held) { #expect($0.text == text) }
  }
}
