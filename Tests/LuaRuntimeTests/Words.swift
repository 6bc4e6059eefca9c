import LuaRuntime
import Testing

@Suite struct Words {
  private static let allowed: Set<String> = [
    "assert", "error", "ipairs", "pairs", "next", "select", "tonumber", "tostring", "type", "rawequal", "rawget",
    "rawlen",
    "rawset", "getmetatable", "setmetatable", "pcall", "null", "array",
    "json", "json.encode", "json.decode",
    "string", "string.byte", "string.char", "string.find", "string.format", "string.gmatch", "string.gsub",
    "string.len",
    "string.lower", "string.match", "string.rep", "string.reverse", "string.sub", "string.upper",
    "table", "table.concat", "table.insert", "table.move", "table.pack", "table.remove", "table.sort", "table.unpack",
    "math", "math.abs", "math.acos", "math.asin", "math.atan", "math.ceil", "math.cos", "math.deg", "math.exp",
    "math.floor", "math.fmod", "math.huge", "math.log", "math.max", "math.maxinteger", "math.min", "math.mininteger",
    "math.modf", "math.pi", "math.rad", "math.random", "math.sin", "math.sqrt", "math.tan", "math.tointeger",
    "math.type",
    "math.ult",
    "utf8", "utf8.char", "utf8.charpattern", "utf8.codepoint", "utf8.codes", "utf8.len", "utf8.offset",
  ]

  @Test func `scripts see the allow list and nothing else`() throws {
    let state = try LuaState()
    var seen: Set<String> = []
    state.with(.words) { words in
      words.forEach { name, value in
        let name = name.text ?? "?"
        seen.insert(name)
        if value.kind == .table {
          value.forEach { field, inner in
            seen.insert("\(name).\(field.text ?? "?")")
            #expect(inner.kind != .table)
            return true
          }
        }
        return true
      }
    }
    #expect(seen == Self.allowed, "\(seen.symmetricDifference(Self.allowed))")
  }

  /// Every value that a script can get hold of from its globals, by every way that it has.
  @Test func `no way from the globals leads elsewhere`() throws {
    let state = try LuaState()
    try state.sealWords()
    #expect(
      try state.run(
        """
        for _, name in ipairs { '_G', 'load', 'loadstring', 'loadfile', 'dofile', 'collectgarbage', 'print', 'xpcall',
            'debug', 'io', 'os', 'package', 'require', 'coroutine', 'rawio', 'warn', 'bit32', 'unpack', '_VERSION' } do
          assert(_ENV[name] == nil, name)
        end
        assert(string.dump == nil and string.pack == nil and string.unpack == nil and math.randomseed == nil)
        assert(getmetatable('') == nil and getmetatable(_ENV) == nil and getmetatable(string) == nil)
        assert(getmetatable(null) == nil and getmetatable(array {}) == nil and getmetatable(print) == nil)
        assert(not pcall(setmetatable, _ENV, {}) and not pcall(setmetatable, string, {}))
        assert(not pcall(setmetatable, null, {}))
        assert(not pcall(rawset, string, 'x', 1) and not pcall(table.insert, string, 1))
        return 'nothing'
        """) == .returned(["\"nothing\""]))
  }

  @Test func `text of values shows no address and no order leaks`() throws {
    var texts: Set<String> = []
    for _ in 0..<20 {
      let state = try LuaState()
      let ending = try state.run(
        """
        local t = {}
        for i = 1, 50 do t['name' .. (i * 7919) % 101] = i end
        for i = 1, 20 do t[i * 1.5] = i end
        t[true] = 1 t[false] = 2
        local order = {}
        for k in pairs(t) do order[#order + 1] = tostring(k) end
        local names = {tostring({}), tostring(print), tostring(pairs), tostring(null), tostring(function() end)}
        return table.concat(order, ' ') .. table.concat(names, ' ')
          .. string.format('%s %s', {}, pairs) .. tostring(0/0)
        """)
      texts.insert(ending.description)
    }
    #expect(texts.count == 1)
    #expect(texts.first?.contains("0x") == false)
  }
}
