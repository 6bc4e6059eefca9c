import Events
import Foundation
import LuaRuntime
import TestKit
import Testing

@testable import Scripts

/// What reads the source of scripts, and the loader, under sources with mistakes.
@Suite struct SourceFuzz {
  /// The samples and the corpus.
  private static func sources() throws -> [[UInt8]] {
    let handlers = repository.appendingPathComponent("handlers")
    let samples = try FileManager.default.contentsOfDirectory(atPath: handlers.path).filter { $0.hasSuffix(".lua") }
    return try samples.sorted().map { Array(try Data(contentsOf: handlers.appendingPathComponent($0))) }
      + Corpus.files("source").map(\.bytes)
  }

  private static let words = [
    "consumer \"x\" {", "function(event)", "end", "on = {", "}", "local ", "emit(", "state.", "[[", "]]", "--[==[",
    "\"",
    "'", "\\", "goto x", "::x::", "if ", "then ", "else", "for i = 1, 2 do ", "while true do ", "repeat ", "until ",
    "require \"lib.money\"", "!=", "+=", "a.b = ", "(", ")", "{", "{{{{{{{{", "((((((((", "0x", "1e", "...", "\0", "é",
  ]

  @Test func `tokens, outlines and hints say something about every source`() throws {
    try Fuzz.run("source", corpus: Self.sources(), words: Self.words, rounds: 700) { bytes, seed in
      let tokens = Tokens(bytes)
      var end = 0
      for token in tokens.all {
        guard token.start >= end, token.end > token.start, token.end <= bytes.count else {
          throw Fuzz.Wrong("a token from \(token.start) to \(token.end)")
        }
        end = token.end
      }
      let outline = SourceOutline(tokens)
      _ = TableOutline.all(in: tokens)
      _ = outline.repeatedKeys
      _ = outline.line(of: ["on", "OrderPlaced"], in: "stock", near: 1)
      let line = 1 + seed.below(tokens.lineStarts.count + 1)
      let near = tokens.tokens(ofLine: line).randomElement(using: &seed).map(tokens.text) ?? "<eof>"
      let messages = [
        "'}' expected near '\(near)'", "unexpected symbol near '\(near)'", "'=' expected near '\(near)'", "",
      ]
      let hint = SyntaxHint(tokens: tokens, line: line, message: messages[seed.below(messages.count)])
      _ = hint.error(file: "fuzz.lua").description
    }
  }

  private final class Compiler {
    private var state: LuaState

    init() throws { state = try LuaState() }

    func takes(_ source: [UInt8]) throws -> Bool {
      if state.isDead { state = try LuaState() }
      let environment = try state.makeEnvironment()
      defer { state.release(environment) }
      guard let chunk = try? state.load(source, name: "fuzz.lua", environment: environment) else { return false }
      state.release(chunk)
      return true
    }
  }

  /// Facts are read of sources that Lua has compiled, which bounds how deep they nest.
  @Test func `facts are read of every source that compiles`() throws {
    let compiler = try Compiler()
    var compiled = 0
    try Fuzz.run("facts", corpus: Self.sources(), words: Self.words, rounds: 1500) { bytes, _ in
      guard try compiler.takes(bytes) else { return }
      compiled += 1
      let facts = SourceFacts(Tokens(bytes))
      let lines = facts.globals.map(\.line) + facts.emits.map(\.line) + facts.parameterFields.map(\.line)
      if lines.contains(where: { $0 < 1 }) { throw Fuzz.Wrong("facts on the lines \(lines)") }
    }
    #expect(compiled > 50, "hardly anything compiled, so hardly anything was tried")
  }

  @Test func `every source loads, or is refused with its place`() throws {
    try Fuzz.run("load", corpus: Self.sources(), words: Self.words, rounds: 120) { bytes, _ in
      let money = "return { add = function(a, b) return a + b end }"
      let files = [SourceFile(path: "fuzz.lua", bytes: bytes), SourceFile(path: "lib/money.lua", text: money)]
      switch Generation.load(files) {
      case .success: return
      case .failure(let failure):
        let text = "\(failure)"
        if !text.contains("fuzz.lua") { throw Fuzz.Wrong("it is refused without its place: \(text)") }
      }
    }
  }
}
