import Testing

@testable import Scripts

/// Syntax errors beyond those of the table of first mistakes.
@Suite struct SyntaxHintTests {
  @Test(arguments: [
    ("if a then b() elif c then d() end", "write elseif"),
    ("if a then\n b()\nelse if c then\n d()\nend\nend\nend", "\"else if\" is written elseif"),
    ("local x = 1\nend", "there is one \"end\" too many, here or above"),
    ("f((event) => { })", "a function is written function(event) … end"),
    ("if (a) { b() }", "blocks have no braces: function(event) … end, if … then … end"),
    ("f(function(event) { b() })", "blocks have no braces: function(event) … end, if … then … end"),
    ("if a || b then end", "\"or\" is written or"),
    ("if !a then end", "\"not\" is written not: if not done then"),
    ("t = {\n a = \"x\"\n b = 1 }", "is a comma missing after the \"x\"?"),
    ("t = {\n a = { 1 }\n [\"b\"] = 1 }", "is a comma missing after the \"}\"?"),
    ("t = {\n a = f()\n b = 1 }", "is a comma missing after the \")\"?"),
    ("t = {\n a = true\n b = 1 }", "is a comma missing after the \"true\"?"),
    ("a.b.c += f(1, 2) * 3", "write a.b.c = a.b.c + f(1, 2) * 3"),
    ("n *= 2", "write n = n * 2"), ("s ..= \"x\"", "write s = s .. \"x\""),
    ("function f()\n if a then\n", "the \"if\" of line 2 needs an \"end\""),
    ("f(1, 2\nlocal x = 1", nil), ("x = = 1", nil), ("local 1 = 2", nil), ("goto", nil), ("x = \"abc\ny = 1", nil),
  ])
  func `a syntax error says what was probably meant`(source: String, hint: String?) {
    guard case .failure(let errors) = Generation.load([SourceFile(path: "a.lua", text: source)]) else {
      Issue.record("it loads")
      return
    }
    #expect(errors.errors.map(\.hint) == [hint], "\(errors)")
  }

  @Test func `every cut of a script gives one error, and never a crash`() {
    let source = Array(
      "consumer \"a\" {\n  retry = { first = \"1s\" },\n  on = { [\"A*\"] = function(event) if event.data.n ~= 1 then emit(\"B\", { 1 }) end end },\n}"
        .utf8)
    for count in 0..<source.count {
      guard case .failure(let errors) = Generation.load([SourceFile(path: "a.lua", bytes: Array(source[..<count]))])
      else {
        Issue.record("cut at \(count) loads")
        continue
      }
      #expect(errors.errors.count == 1, "cut at \(count): \(errors)")
    }
  }

  @Test func `what is no Lua at all ends in an error`() {
    var seed: UInt64 = 42
    let alphabet = Array("abn=+-*/{}()[].,;:\"'~!&| \n1_".utf8)
    for _ in 0..<100 {
      let bytes = (0..<60).map { _ -> UInt8 in
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return alphabet[Int(seed >> 33) % alphabet.count]
      }
      guard case .failure = Generation.load([SourceFile(path: "a.lua", bytes: bytes)]) else {
        Issue.record("\(String(decoding: bytes, as: UTF8.self)) loads")
        return
      }
    }
  }
}
