import Foundation
import TestKit
import Testing

@testable import Scripts

/// The hostile scripts as handlers: each ends in an error when it loads or when it is called, or does no harm, and the
/// next event is handled as if nothing had happened (faults, section 2).
@Suite struct HostileScriptTests {
  struct Hostile: CustomTestStringConvertible, Sendable {
    let name: String
    let source: String
    var testDescription: String { name }
  }

  static let all: [Hostile] = document("Tests/LuaRuntimeTests/Resources/hostile-scripts.tsv")
    .split(separator: "\n").map { line in
      let parts = line.split(separator: "\t", maxSplits: 1)
      return Hostile(name: String(parts[0]), source: String(parts.last ?? ""))
    }

  @Test func `the list is there`() { #expect(Self.all.count >= 60) }

  @Test(arguments: all)
  func `a hostile handler harms nobody`(hostile: Hostile) throws {
    let source =
      "consumer \"x\" { on = { A = function(event)\n\(hostile.source)\nend, B = function() emit(\"Fine\") end } }"
    guard case .success(let generation) = Generation.load([SourceFile(path: "a.lua", text: source)]) else { return }
    let stage = try Stage(generation)
    let start = ContinuousClock.now
    let reaction = stage.handle(TestEvent("A", "s", data: "{\"n\":1}"))
    let took = ContinuousClock.now - start
    #expect(took < Slowness.stretch(.seconds(2)), "the deadline is 250 ms; a busy machine is slower")
    #expect(reaction.failures.allSatisfy { !$0.hasPrefix("host:") }, "\(reaction.failures)")
    #expect(reaction.failures.isEmpty || reaction.emits.isEmpty)
    #expect(stage.handle(TestEvent("B", "s")).emits == ["Fine s {}"])
  }

  @Test func `a hostile file, run at load, harms nobody`() {
    for hostile in Self.all {
      let outcome = Generation.load([SourceFile(path: "a.lua", text: hostile.source)])
      if case .failure(let errors) = outcome {
        #expect(errors.errors.allSatisfy { !$0.what.isEmpty }, "\(hostile.name)")
      } else {
        Issue.record("\(hostile.name) declares nothing and loads")
      }
    }
  }
}
