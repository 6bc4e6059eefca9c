import Events
import LuaRuntime
import Testing

/// JSON onto the Lua stack and back.
@Suite struct JSON {
  /// Decodes and encodes; the message instead when one of them is refused.
  private func around(_ state: borrowing LuaState, _ identity: LuaRef, _ text: [UInt8]) -> String {
    // A buffer of exactly this size: nothing may be read behind it.
    let exact = UnsafeMutableRawBufferPointer.allocate(byteCount: max(text.count, 1), alignment: 1)
    defer { exact.deallocate() }
    exact.copyBytes(from: text)
    switch state.end(identity, [.json(UnsafeRawBufferPointer(rebasing: exact[..<text.count]))]) {
    case .returned(let values): return values.first ?? "nothing"
    case .host(let message): return message
    case let other: return "\(other)"
    }
  }

  private static let identity = "return function(value) return value end"

  @Test(arguments: [
    ("{}", "{}"), ("[]", "[]"), ("[[],{}]", "[[],{}]"), ("null", "null"), ("[null,1]", "[null,1]"),
    ("{\"a\":null,\"b\":1}", "{\"b\":1}"), (" { \"b\" : [ ] , \"a\" : \"x\" } ", "{\"a\":\"x\",\"b\":[]}"),
    ("9223372036854775807", "9223372036854775807"), ("-9223372036854775808", "-9223372036854775808"),
    ("9223372036854775808", "9.223372036854775808e+18"), ("-9223372036854775809", "-9.223372036854775808e+18"),
    ("18446744073709551616", "1.8446744073709551616e+19"), ("123456789012345678901234567890", "1.2345678901234568e+29"),
    ("-327537858359878272.0", "-327537858359878272.0"), ("[123456789012345678901234.5]", "[1.2345678901234569e+23]"),
    ("0.1000000000000000055511151231257827", "0.1"), ("[1e-400,-1e-400]", "[0.0,-0.0]"),
    ("1.0", "1.0"), ("1e2", "100.0"), ("-0", "0"), ("-0.0", "-0.0"), ("0.1", "0.1"), ("1E-7", "1e-07"),
    ("5e-324", "5e-324"),
    ("1.7976931348623157e308", "1.7976931348623157e+308"), ("true", "true"), ("\"\"", "\"\""),
    ("\"\\u0000\\u001f\\u20ac\\ud83d\\ude00\\/\\\"\\\\\\n\"", "\"\\u0000\\u001f€😀/\\\"\\\\\\n\""),
    ("{\"a\":1,\"a\":2}", "{\"a\":2}"), ("{\"\":1}", "{\"\":1}"), ("[1,[2,[3,[]]]]", "[1,[2,[3,[]]]]"),
  ])
  func `values survive`(text: String, expected: String) throws {
    let state = try LuaState()
    let result = around(state, try state.held(Self.identity), Array(text.utf8))
    // Large floats are written in one of several shortest ways.
    if let number = Double(expected), !result.isEmpty, Double(result) == number,
      result.contains("e") || result.contains(".")
    {
      return
    }
    #expect(result == expected)
  }

  @Test(arguments: [
    "", " ", "{", "[", "[1", "[1,", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "[1,]", "{\"a\":1,}", "{a:1}", "nul",
    "tru", "1 2", "[1 2]", "[1a]", "[1.]", "[-]", "[01]", "[1e]", "[1e400]", "1\u{0}",
    "{} {}", "[] x", "01", "+1", "1.", ".5", "1e", "--1", "\"", "\"\\x\"", "\"\\ud800\"", "\"\\u12\"", "\"\n\"",
    "1e400", "-1e400", "NaN",
    "Infinity", "'a'", "[1 2]", "{\"a\" 1}", "{1:2}", "\u{FEFF}{}", "// x", "[\u{0}]",
  ])
  func `what is not JSON is refused`(text: String) throws {
    let state = try LuaState()
    let result = around(state, try state.held(Self.identity), Array(text.utf8))
    #expect(result.contains("is not JSON"), "\(result)")
    #expect(state.height == 0)
    #expect(state.isDead == false)
  }

  @Test func `invalid UTF-8 is refused both ways`() throws {
    let state = try LuaState()
    let identity = try state.held(Self.identity)
    for bad: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80]] {
      #expect(around(state, identity, [0x22] + bad + [0x22]).contains("is not JSON"))
      bad.withUnsafeBytes { #expect(state.end(identity, [.string($0)]) == .returned(["(value is not UTF-8 text)"])) }
    }
  }

  @Test func `nesting is bounded at 64`() throws {
    let state = try LuaState()
    let identity = try state.held(Self.identity)
    let deepest = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
    #expect(around(state, identity, Array(deepest.utf8)) == deepest)
    #expect(
      around(state, identity, Array("[\(deepest)]".utf8)) == "the argument is not JSON: it is nested deeper than 64")
    #expect(
      try state.run("local t = {} for i = 1, 64 do t = {t} end return pcall(json.encode, t)")
        == .returned(["false", "\"value\(String(repeating: "[1]", count: 64)) is nested deeper than 64\""]))
  }

  @Test(arguments: [
    ("local t = {} t.a = {b = t} return t", "value.a.b contains itself"),
    ("return {x = {1, 0/0}}", "value.x[2] is not a number (0/0)"),
    ("return {items = {1, 2, {price = 1/0}}}", "value.items[3].price is infinite"),
    ("return {f = pairs}", "value.f is a function: it cannot be kept as JSON"),
    ("return {1, nil, 3}", "value[2] is a hole: write null"), ("return {[2] = 1}", "value[1] is a hole: write null"),
    ("return {1, a = 2}", "value has numbers and names as keys: it must be a list or an object"),
    ("return {[0] = 1}", "value has the key 0: the elements of a list are 1, 2, 3 …"),
    ("return {[1.5] = 1}", "value has the key 1.5: the elements of a list are 1, 2, 3 …"),
    ("return {[true] = 1}", "value has a key that is neither text nor a number"),
    ("local a = array {} a.x = 1 return a", "value is a list and cannot have the field \"x\""),
    ("return {t = ('x'):rep(1000000), u = ('x'):rep(1000000)}", "value.u: the JSON would be larger than 1048576 bytes"),
    ("local t = {} for i = 1, 100000 do t[i] = i end return t", "value[100000]: more than 100000 values"),
    ("return {a = '\\xff'}", "value.a is not UTF-8 text"), ("return {['\\xff'] = 1}", nil),
  ])
  func `what JSON cannot say is refused with its path`(source: String, message: String?) throws {
    let state = try LuaState()
    guard case .returned(let values) = try state.run(source) else {
      Issue.record("it failed")
      return
    }
    if let message { #expect(values == ["(\(message))"]) } else { #expect(values[0].contains("is not UTF-8 text")) }
    #expect(state.height == 0)
  }

  @Test func `keys are in the order of their bytes, and a shared table is not a cycle`() throws {
    let state = try LuaState()
    #expect(
      try state.run("local s = {1} return {b = s, a = s, ['é'] = 1, Z = 2, ['a.b'] = 3, aa = array {}, c = {}}")
        == .returned([#"{"Z":2,"a":[1],"a.b":3,"aa":[],"b":[1],"c":{},"é":1}"#]))
    #expect(
      try state.run(
        "return json.encode {null, {n = null}, 1.0, 2^53, -0.0, 1e100}, json.decode('[]')[1], #json.decode('[null]')")
        == .returned([#""[null,{\"n\":null},1.0,9007199254740992.0,-0.0,1e+100]""#, "null", "1"]))
  }

  // MARK: - Generated

  /// Generated text, and what encoding its value must give.
  private struct Sample {
    var text: String
    var canonical: String
    /// Of a string: its bytes.
    var bytes: [UInt8] = []
    var isNull = false
  }

  private struct Generator {
    var random: SeededGenerator

    private static let pieces: [(text: String, canonical: String, value: String)] = [
      ("a", "a", "a"), ("key", "key", "key"), ("0", "0", "0"), (" ", " ", " "), ("é", "é", "é"), ("€", "€", "€"),
      ("\\u00e9", "é", "é"), ("\\ud83d\\ude00", "😀", "😀"), ("\\n", "\\n", "\n"), ("\\t", "\\t", "\t"), ("/", "/", "/"),
      ("\\/", "/", "/"), ("\\\"", "\\\"", "\""), ("\\\\", "\\\\", "\\"), ("\\u0001", "\\u0001", "\u{1}"),
      ("\\u0041", "A", "A"),
    ]
    private static let floats = [
      ("0.5", "0.5"), ("1e2", "100.0"), ("-2.50", "-2.5"), ("1.25E-7", "1.25e-07"), ("1e+100", "1e+100"),
      ("3.0", "3.0"),
      ("0.1000000000000000055511151231257827", "0.1"), ("123456789012345678901", "123456789012345683968.0"),
    ]

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    mutating func text(ending: String = "") -> Sample {
      let parts = (0..<below(7)).map { _ in Self.pieces[below(Self.pieces.count)] }
      return Sample(
        text: "\"" + parts.map(\.text).joined() + ending + "\"",
        canonical: "\"" + parts.map(\.canonical).joined() + ending + "\"",
        bytes: Array((parts.map(\.value).joined() + ending).utf8))
    }

    mutating func scalar() -> Sample {
      switch below(8) {
      case 0: return Sample(text: "true", canonical: "true")
      case 1: return Sample(text: "false", canonical: "false")
      case 2: return Sample(text: "null", canonical: "null", isNull: true)
      case 3, 4:
        let number = String(Int64(bitPattern: random.next()) >> Int64(below(64)))
        return Sample(text: number, canonical: number)
      case 5:
        let float = Self.floats[below(Self.floats.count)]
        return Sample(text: float.0, canonical: Double(float.1) == Double(float.0) ? float.1 : "wrong")
      default: return text()
      }
    }

    mutating func value(_ depth: Int) -> Sample {
      let space = ["", "", "", " ", "\n\t"][below(5)]
      switch depth == 0 ? 9 : below(10) {
      case 0, 1, 2:
        let values = (0..<below(below(12) == 0 ? 90 : 5)).map { _ in value(depth - 1) }
        return Sample(
          text: "[" + values.map(\.text).joined(separator: "," + space) + "]",
          canonical: "[" + values.map(\.canonical).joined(separator: ",") + "]")
      case 3, 4, 5:
        // Each key is another, for readers differ about repeated ones.
        let fields = (0..<below(below(12) == 0 ? 90 : 5)).map { (text(ending: String($0)), value(depth - 1)) }
        let kept = fields.filter { !$0.1.isNull }.sorted { $0.0.bytes.lexicographicallyPrecedes($1.0.bytes) }
        return Sample(
          text: "{" + space + fields.map { $0.0.text + space + ":" + $0.1.text }.joined(separator: ",") + "}",
          canonical: "{" + kept.map { $0.0.canonical + ":" + $0.1.canonical }.joined(separator: ",") + "}")
      default:
        var scalar = scalar()
        scalar.text = space + scalar.text + space
        return scalar
      }
    }
  }

  @Test func `whatever is decoded is encoded in its one form`() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var generator = Generator(random: SeededGenerator(seed: seed))
    let state = try LuaState()
    let identity = try state.held(Self.identity)
    for round in 0..<600 {
      let sample = generator.value(5)
      let result = around(state, identity, Array(sample.text.utf8))
      if result == sample.canonical { continue }
      let same = zip(result.utf8, sample.canonical.utf8).prefix { $0 == $1 }.count
      func part(_ text: String) -> String {
        String(decoding: text.utf8.dropFirst(max(0, same - 30)).prefix(60), as: UTF8.self)
      }
      Issue.record("round \(round) of seed \(seed), byte \(same): \(part(result)) and not \(part(sample.canonical))")
      return
    }
    #expect(state.height == 0)
  }

  @Test func `damaged text is refused or read, and does no harm`() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var generator = Generator(random: SeededGenerator(seed: seed))
    let state = try LuaState()
    let identity = try state.held(Self.identity)
    for round in 0..<600 {
      var text = Array(generator.value(4).text.utf8)
      for _ in 0...generator.below(3) where !text.isEmpty {
        let place = generator.below(text.count)
        switch generator.below(3) {
        case 0: text.remove(at: place)
        case 1: text[place] = UInt8(generator.below(256))
        default: text.removeSubrange(place...)
        }
      }
      let once = around(state, identity, text)
      if !once.contains("is not JSON") {
        #expect(around(state, identity, Array(once.utf8)) == once, "round \(round) of seed \(seed): \(text)")
      }
      #expect(state.height == 0)
    }
    #expect(state.isDead == false)
  }

  @Test func `floats are written shortest and read back exactly`() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let state = try LuaState()
    let identity = try state.held(Self.identity)
    for _ in 0..<5_000 {
      let number = Double(bitPattern: random.next())
      guard number.isFinite else { continue }
      guard case .returned(let values) = state.end(identity, [.number(number)]) else {
        Issue.record("\(number) of seed \(seed)")
        return
      }
      #expect(Double(values[0])?.bitPattern == number.bitPattern, "\(values[0]) of seed \(seed)")
      #expect(values[0].utf8.count <= "\(number)".utf8.count + 2, "\(values[0]) for \(number), seed \(seed)")
    }
  }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
