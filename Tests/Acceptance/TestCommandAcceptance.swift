import Foundation
import TestKit
import Testing

/// `moondance test` with the real binary.
@Suite("Tests of scripts")
struct TestCommandAcceptance {
  @Test func `the tests of the sample handlers hold`() throws {
    let samples = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../handlers").path
    let output = try Binary.run(["test", samples])
    #expect(output.code == 0 && output.out.hasSuffix("all hold\n"), "\(output.out)\(output.err)")
    #expect(output.out.split(separator: "\n").count > 4)
  }

  @Test func `a test that does not hold is shown and ends with 1`() throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(
      [
        "pay.lua": #"consumer "pay" { on = { OrderPlaced = function(event) emit("OrderPaid", { price = 1 }) end } }"#,
        "pay_test.lua": """
        test("it costs two", function(t)
          t:when("OrderPlaced", "order-1")
          t:expect("OrderPaid", "order-1", { price = 2 })
        end)
        """,
      ], below: "handlers")
    let output = try Binary.run(["test", handlers])
    #expect(output.code == 1)
    #expect(
      output.out == """
        FAILS  it costs two
               pay_test.lua:3: no OrderPaid on order-1 is as expected
                 price: expected 2, got 1
        1 test, each under 4 schedules: 1 fails

        """)
    let json = try Binary.run(["test", handlers, "--json"])
    let report = try JSONSerialization.jsonObject(with: Data(json.out.utf8)) as? [String: Any]
    let problem = (report?["tests"] as? [[String: Any]])?.first?["problem"] as? [String: Any]
    #expect(json.code == 1 && problem?["line"] as? Int == 3)
    // The daemon and check leave tests alone.
    #expect(try Binary.run(["check", handlers]).out.contains("1 file, 1 consumer"))
  }

  @Test func `no tests, a filter without a match and a typo in a test are told`() throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(
      ["a.lua": #"consumer "a" { on = { A = function() end } }"#], below: "handlers")
    let none = try Binary.run(["test", handlers])
    #expect(none.code == 1 && none.err.contains("_test.lua"))
    try #"test("a", function(t) t:wehn("A", "b") end)"#
      .write(toFile: handlers + "/a_test.lua", atomically: true, encoding: .utf8)
    let typo = try Binary.run(["test", handlers])
    #expect(typo.code == 1 && typo.err.contains("a_test.lua:1: a test has no word \"wehn\"\n  did you mean t:when?"))
    let json = try Binary.run(["test", handlers, "--json"])
    let errors = try JSONDecoder().decode([String: [[String: String]]].self, from: Data(json.out.utf8))["errors"]
    #expect(json.code == 1 && json.err.isEmpty)
    #expect(
      errors == [
        ["file": "a_test.lua", "line": "1", "what": "a test has no word \"wehn\"", "hint": "did you mean t:when?"]
      ])
    try #"test("a", function(t) t:when("A", "b") end)"#
      .write(toFile: handlers + "/a_test.lua", atomically: true, encoding: .utf8)
    #expect(try Binary.run(["test", handlers]).code == 0)
    try "consumer \"a\" { on = { A = 5 } }".write(toFile: handlers + "/a.lua", atomically: true, encoding: .utf8)
    let broken = try Binary.run(["test", handlers, "--json"])
    #expect(broken.code == 1 && broken.out.hasPrefix(#"{"errors":["#) && broken.out.contains(#""file":"a.lua""#))
    #expect(try Binary.run(["check", handlers, "--json"]).out == broken.out)
    try #"consumer "a" { on = { A = function() end } }"#
      .write(toFile: handlers + "/a.lua", atomically: true, encoding: .utf8)
    #expect(try Binary.run(["test", handlers, "--filter", "xyz"]).code == 1)
  }
}
