import Events
import Foundation
import LuaRuntime
import TestKit
import Testing

/// A script that means harm, by its name in a list of resources.
struct HostileScript: CustomStringConvertible, Sendable {
  let name: String
  let source: String
  var description: String { name }

  static let all = ["hostile-scripts", "more-hostile-scripts"].flatMap(read)

  private static func read(_ list: String) -> [HostileScript] {
    let url = Bundle.module.url(forResource: list, withExtension: "tsv", subdirectory: "Resources")!
    return try! String(contentsOf: url, encoding: .utf8).split(separator: "\n").map { line in
      let parts = line.split(separator: "\t", maxSplits: 1)
      return HostileScript(name: String(parts[0]), source: String(parts[1]))
    }
  }
}

/// What this thread has had of its processor: on a busy machine the clock says more about the others.
func processorTime() -> Duration {
  var now = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
  return .seconds(now.tv_sec) + .nanoseconds(now.tv_nsec)
}

@Suite("Hostile scripts", .serialized)
struct HostileScripts {
  @Test(
    "end within one and a half deadlines, bounded in memory, and leave the next call as it was",
    arguments: HostileScript.all)
  func ends(_ script: HostileScript) throws {
    var limits = LuaLimits()
    limits.nanoseconds = 250_000_000
    let state = try LuaState(limits: limits)
    try state.sealWords()
    let start = processorTime()
    let ending = try state.run(script.source, name: "hostile.lua")
    let took = processorTime() - start
    #expect(took < Slowness.stretch(.milliseconds(375)), "\(script.name) took \(took): \(ending)")
    #expect(state.memory <= limits.memory, "\(script.name) holds \(state.memory) bytes")
    #expect(state.height == 0)
    if case .host(let message) = ending { Issue.record("\(script.name) is blamed on the host: \(message)") }

    // The next event is handled as if nothing had happened: by this state, or by a new one when this one is dead.
    let next = "local t = {} for i = 1, 100 do t[i] = i * i end return #t, tostring(t[10]), string.format('%d', t[3])"
    if state.isDead {
      #expect(try LuaState().run(next) == .returned(["100", "\"100\"", "\"9\""]))
    } else {
      #expect(try state.run(next) == .returned(["100", "\"100\"", "\"9\""]))
    }
  }
}
