import Events
import Foundation
import LogStorage
import TestKit
import Testing

@testable import Views

private let counting = """
  projection "count" { initial = { n = 0 }, on = { A = function(d) d.n = d.n + 1 end } }
  """
private let doubling = """
  projection "count" {
    initial = { n = 0 }, index = { "n" },
    on = { A = function(d) d.n = d.n + 2 end },
  }
  """

@Suite struct `A changed projection` {
  @Test func `is folded anew from the start of the log and then takes the place of the old one`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(counting)
    try await world.emit("A a {}", "A a {}", "A b {}")
    try await world.settle()
    try await world.deploy(doubling)
    try await world.settle()
    try await eventually {
      try world.documents("count") == ["a": #"{"n":4}"#, "b": #"{"n":2}"#] ? nil : "\(try world.documents("count"))"
    }
    #expect(try world.sqlite("SELECT key, n FROM count ORDER BY n") == "b|2\na|4")
    #expect(
      try world.sqlite("SELECT name FROM sqlite_master WHERE name GLOB 'moondance_old*' OR name GLOB 'moondance_next*'")
        == "")
    #expect(world.notes.all == ["info: the view \"count\" answers by its new code"])
    try await world.stop()
  }

  @Test func `is one whose events a new contract makes newer, also after a restart and at past moments`() async throws {
    let source = "projection \"sum\" { initial = { n = 0 }, on = { A = function(d, e) d.n = d.n + e.data.n end } }"
    func contract(_ factor: Int) -> [(String, String)] {
      [
        (
          "contract.lua",
          "contract \"A\" { version = 2, upcast = { [1] = function(data) return { n = data.n * \(factor) } end } }"
        )
      ]
    }
    let world = try ViewWorld()
    world.start()
    try await world.deploy(source)
    try await world.emit(#"A a {"n":1}"#, #"A a {"n":2}"#)
    try await world.settle()
    #expect(try world.documents("sum") == ["a": #"{"n":3}"#])
    for factor in [10, 100] {
      try await world.deploy(source, contract(factor))
      try await eventually {
        let documents = try world.documents("sum")
        return documents == ["a": "{\"n\":\(3 * factor)}"] ? nil : "\(documents) \(world.notes.all)"
      }
      let first = try world.views.document(of: "sum", key: "a", at: .position(1), durable: world.durable)
      #expect(first.page.documents.first?.text == "{\"n\":\(factor)}")
    }
    // The same code is not folded again.
    try await world.restart()
    try await world.deploy(source, contract(100))
    try await world.settle()
    #expect(try world.sqlite("SELECT max(id) FROM moondance_projections") == "3")
    try await world.stop()
  }

  @Test func `answers from the old documents under load until the new ones have caught up`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(counting)
    for _ in 0..<40 { try await world.emit(Array(repeating: "A a {}", count: 500)) }
    try await world.settle()
    try await world.deploy(doubling)
    var seen: [Int] = []
    var count = 20_000
    // At every moment the document is of one code or of the other, whole, and positions never go back.
    var position: UInt64 = 0
    for _ in 0..<200 {
      count += 5
      try await world.emit(Array(repeating: "A a {}", count: 5))
      let page = try world.views.page(of: "count", ViewQuery())
      #expect(page.position >= position)
      position = page.position
      let text = try #require(page.documents.first?.text)
      seen.append(try #require(Int(text.dropFirst(5).dropLast())))
    }
    try await world.settle()
    try await eventually {
      try world.documents("count") == ["a": "{\"n\":\(count * 2)}"] ? nil : "\(try world.documents("count"))"
    }
    #expect(seen == seen.sorted())
    try await world.stop()
  }

  @Test func `of a module that it requires is changed too`() async throws {
    let world = try ViewWorld()
    world.start()
    let source = """
      local step = require "lib.step"
      projection "count" { initial = { n = 0 }, on = { A = function(d) d.n = d.n + step.size end } }
      """
    try await world.deploy(source, [("lib/step.lua", "return { size = 1 }")])
    try await world.emit("A a {}", "A a {}")
    try await world.settle()
    try await world.deploy(source, [("lib/step.lua", "return { size = 10 }")])
    try await eventually {
      try world.documents("count") == ["a": #"{"n":20}"#] ? nil : "\(try world.documents("count"))"
    }
    try await world.stop()
  }

  @Test func `stays as it was, and goes on, when the new code fails; the failure is told`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(counting)
    try await world.emit("A a {}", "A b {}")
    try await world.settle()
    let failing =
      "projection \"count\" { on = { A = function(d, e) if e.subject == \"b\" then error(\"no b\") end end } }"
    let scripts = try await world.deploy(failing)
    try await eventually { try world.status("count").rebuild?.failure != nil ? nil : "\(try world.status("count"))" }
    let failure = try #require(try world.status("count").rebuild?.failure)
    #expect(failure.error == "script.lua:1: no b" && failure.key == "b" && failure.position == 2 && failure.since > 0)
    try await world.emit("A a {}")
    try await world.settle()
    #expect(try world.documents("count") == ["a": #"{"n":2}"#, "b": #"{"n":1}"#])

    // Also after a restart: the old code comes from the log.
    try await world.restart()
    await world.views.deploy(scripts)
    try await world.emit("A b {}")
    try await world.settle()
    #expect(try world.documents("count") == ["a": #"{"n":2}"#, "b": #"{"n":2}"#])
    #expect(try world.status("count").rebuild?.failure?.error == "script.lua:1: no b")

    // Better code takes the place of both.
    try await world.deploy(doubling)
    try await eventually {
      try world.documents("count") == ["a": #"{"n":4}"#, "b": #"{"n":4}"#] ? nil : "\(try world.documents("count"))"
    }
    try await world.stop()
  }

  /// The sum of `n`; `bad` events fail, and `step` makes other code of it.
  private static func sums(step: Int, fails condition: String) -> String {
    """
    projection "sum" { initial = { n = 0 }, on = { A = function(d, e)
      if \(condition) then error("bad") end
      d.n = d.n + e.data.n * \(step)
    end } }
    """
  }

  @Test func `takes the place of an old one that failed at the same event, with its key frozen, until both are mended`()
    async throws
  {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(Self.sums(step: 1, fails: "e.data.n == 7"))
    try await world.emit(#"A a {"n":1}"#, #"A a {"n":7}"#, #"A b {"n":2}"#, #"A a {"n":3}"#)
    try await world.settle()
    #expect(try world.documents("sum") == ["a": #"{"n":1}"#, "b": #"{"n":2}"#])
    // It fails later than the old one did, at an event that waited.
    for (step, condition, frozen) in [(10, "e.data.n == 7", 2), (100, "e.data.n == 3", 4)] {
      try await world.deploy(Self.sums(step: step, fails: condition))
      try await eventually {
        let a = condition.contains("7") ? step : 8 * step
        return try world.documents("sum") == ["a": "{\"n\":\(a)}", "b": "{\"n\":\(2 * step)}"]
          ? nil : "\(try world.documents("sum")) \(world.notes.all)"
      }
      #expect(try world.status("sum").rebuild == nil && world.status("sum").frozenKeys == 1)
      #expect(try world.views.document(of: "sum", key: "a").documents.first?.frozen?.position == UInt64(frozen))
    }
    // One that fails before is given up: the old one has folded that event.
    try await world.deploy(Self.sums(step: 1000, fails: "e.data.n == 1"))
    try await eventually { try world.status("sum").rebuild?.failure != nil ? nil : "\(try world.status("sum"))" }
    #expect(try world.status("sum").rebuild?.failure?.position == 1)
    #expect(try world.documents("sum")["a"] == #"{"n":800}"#)
    try await world.deploy(Self.sums(step: 1, fails: "false"))
    try await eventually {
      try world.documents("sum") == ["a": #"{"n":11}"#, "b": #"{"n":2}"#] ? nil : "\(try world.documents("sum"))"
    }
    #expect(try world.status("sum").frozenKeys == 0)
    try await world.stop()
  }

  @Test func `that has taken the place of the old one freezes what fails from then on`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(counting)
    try await world.emit(#"A a {"n":1}"#, #"A b {"n":1}"#)
    try await world.settle()
    let failing = Self.sums(step: 1, fails: "e.data.n == 7").replacing("\"sum\"", with: "\"count\"")
    try await world.deploy(failing)
    try await eventually { world.notes.all.count == 1 ? nil : "\(world.notes.all)" }
    try await world.emit(#"A a {"n":7}"#, #"A b {"n":4}"#, #"A a {"n":1}"#)
    try await world.settle()
    #expect(try world.documents("count") == ["a": #"{"n":1}"#, "b": #"{"n":5}"#])
    #expect(try world.status("count").frozenKeys == 1 && world.status("count").waiting == 2)
    #expect(world.notes.all == ["info: the view \"count\" answers by its new code"])
    try await world.stop()
  }

  @Test func `leaves out what has no key, as the old one did, and is given up for what had one`() async throws {
    func source(_ step: Int, _ key: String = "e.data.keys[1]") -> String {
      "projection \"n\" { key = function(e) return \(key) end, on = { A = function(d) d.n = (d.n or 0) + \(step) end } }"
    }
    let world = try ViewWorld()
    world.start()
    try await world.deploy(source(1))
    try await world.emit(#"A x {"keys":["k"]}"#, "A x {}", #"A x {"keys":["k"]}"#)
    try await world.settle()
    try await world.deploy(source(10))
    try await eventually {
      try world.documents("n") == ["k": #"{"n":20}"#] ? nil : "\(try world.documents("n")) \(world.notes.all)"
    }
    #expect(try world.status("n").frozenKeys == 1)
    try await world.deploy(source(100, "e.position < 3 and e.data.keys[1] or error(\"none\")"))
    try await eventually { try world.status("n").rebuild?.failure != nil ? nil : "\(try world.status("n"))" }
    #expect(try world.status("n").rebuild?.failure?.position == 3)
    #expect(try world.documents("n") == ["k": #"{"n":20}"#])
    try await world.stop()
  }

  @Test func `goes on being folded anew where a restart interrupted it`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(counting)
    for _ in 0..<60 { try await world.emit(Array(repeating: "A a {}", count: 1000)) }
    try await world.settle(within: 60)
    let scripts = try await world.deploy(doubling)
    try await eventually {
      guard let rebuild = try world.status("count").rebuild else {
        return try world.documents("count") == ["a": #"{"n":120000}"#] ? nil : "no rebuild"
      }
      return rebuild.position > 0 ? nil : "\(rebuild)"
    }
    try await world.restart()
    await world.views.deploy(scripts)
    try await eventually(within: 60) {
      try? world.documents("count") == ["a": #"{"n":120000}"#] ? nil : "\(try world.views.list())"
    }
    try await world.stop()
  }

  @Test func `back to its old code is not folded anew`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(counting)
    try await world.emit("A a {}")
    try await world.settle()
    try await world.deploy("projection \"count\" { on = { A = function() error(\"no\") end } }")
    try await eventually { try world.status("count").rebuild?.failure != nil ? nil : "\(try world.status("count"))" }
    try await world.deploy(counting)
    try await eventually { try world.status("count").rebuild == nil ? nil : "\(try world.status("count"))" }
    #expect(try world.documents("count") == ["a": #"{"n":1}"#])
    try await world.stop()
  }

  @Test func `several begin together and read the log once`() async throws {
    let world = try ViewWorld()
    world.start()
    for _ in 0..<20 { try await world.emit(Array(repeating: "A a {}", count: 500)) }
    try await world.deploy(
      (0..<5).map { "projection \"p\($0)\" { initial = { n = 0 }, on = { A = function(d) d.n = d.n + 1 end } }" }
        .joined(separator: "\n"))
    try await world.settle()
    for number in 0..<5 { #expect(try world.documents("p\(number)") == ["a": #"{"n":10000}"#]) }
    try await world.stop()
  }

  @Test func `is folded anew on request, and what an operator broke is whole again`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(counting)
    try await world.emit("A a {}")
    try await world.settle()
    _ = try world.sqlite("UPDATE count SET document = '{\"n\":77}'")
    #expect(try world.documents("count") == ["a": #"{"n":77}"#])
    try world.views.rebuild("count")
    try await eventually {
      try world.documents("count") == ["a": #"{"n":1}"#] ? nil : "\(try world.documents("count"))"
    }
    #expect(throws: ViewError.self) { try world.views.rebuild("nothing") }
    try await world.stop()
  }

  @Test func `that is declared no more is not there, and comes back where it was`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(counting)
    try await world.emit("A a {}")
    try await world.settle()
    try await world.deploy("projection \"other\" { on = { A = function(d) d.seen = true end } }")
    try await world.settle()
    let error = #expect(throws: ViewError.self) { try world.documents("count") }
    #expect(error?.code == .noView && error?.message.contains("other") == true)
    try await world.emit("A a {}")
    try await world.deploy(counting)
    try await world.settle()
    try await eventually {
      try world.documents("count") == ["a": #"{"n":2}"#] ? nil : "\(try world.documents("count"))"
    }
    try await world.stop()
  }
}
