import Events
import Foundation
import LogStorage
import TestKit
import Testing

@testable import Views

@Suite struct `A query` {
  /// Some fields are indexed, the others of the same values are not: both must answer alike.
  private static let source = """
    projection "things" {
      index = { "a", "deep.b" },
      on = { Made = function(d, e)
        local v = e.data.v
        d.a = v  d.c = v  d.deep = { b = v, d = v }
      end },
    }
    """

  private static let values = [
    "one": "1", "one text": "\"1\"", "yes": "true", "yes text": "\"true\"", "no": "false", "zero": "0", "half": "0.5",
    "text": "\"x\"", "Text": "\"X\"", "nothing": "null", "list": "[1]", "quote": "\"it's \\\"so\\\"\"", "minus": "-7",
    "large": "9007199254740993", "null text": "\"null\"", "moon": "\"🌕 é\"",
  ]

  private static func world() async throws -> ViewWorld {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(source)
    try await world.emit(
      values.sorted { $0.key < $1.key }.map { "Made \($0.key.replacing(" ", with: "_")) {\"v\":\($0.value)}" })
    try await world.settle()
    return world
  }

  @Test func `finds by value, the same with an index and without`() async throws {
    let world = try await Self.world()
    let expected: [(String, [String])] = [
      ("1", ["one", "one_text"]), ("true", ["yes", "yes_text"]), ("false", ["no"]), ("0", ["zero"]), ("0.5", ["half"]),
      ("x", ["text"]), ("X", ["Text"]), ("null", ["nothing", "null_text"]), ("it's \"so\"", ["quote"]),
      ("-7", ["minus"]), ("9007199254740993", ["large"]), ("9007199254740992", []), ("🌕 é", ["moon"]), ("", []),
      ("1.0", ["one"]), ("01", []), ("' OR 1=1 --", []), ("[1]", ["list"]),
    ]
    for (value, keys) in expected {
      for field in ["a", "c", "deep.b", "deep.d"] {
        let found = try world.documents("things") { $0.conditions = [.init(field: field, value: value)] }
        #expect(found.keys.sorted() == keys.sorted(), "\(field)=\(value)")
      }
    }
    let both = try world.documents("things") {
      $0.conditions = [.init(field: "a", value: "1"), .init(field: "key", value: "one")]
    }
    #expect(Array(both.keys) == ["one"])
    #expect(try world.documents("things") { $0.conditions = [.init(field: "missing", value: "1")] } == [:])
    try await world.stop()
  }

  @Test func `uses the index`() async throws {
    let world = try await Self.world()
    let plan = try world.sqlite("EXPLAIN QUERY PLAN SELECT key FROM things WHERE a IN ('1', 1) ORDER BY a, key")
    #expect(plan.contains("USING") && plan.contains("INDEX moondance_index"), "\(plan)")
    try await world.stop()
  }

  @Test func `of fields that cannot be is refused, and cannot do harm`() async throws {
    let world = try await Self.world()
    let fields = [
      "", "a..b", "a\"b", "a\\b", "a'; DROP TABLE things; --", "\"", "$", "a) OR (1=1", "document", "a.\"b", "x\u{1}",
      "json_extract(document,'$')", "rowid", "sqlite_master",
    ]
    for field in fields {
      for order in [false, true] {
        var query = ViewQuery()
        if order { query.order = field } else { query.conditions = [.init(field: field, value: "1")] }
        // Either it is no field, which is said, or it is one that no document has.
        do {
          let page = try world.views.page(of: "things", query)
          #expect(order ? page.documents.count == Self.values.count : page.documents.isEmpty, "\(field)")
        } catch {
          #expect(error.code == .badQuery, "\(field)")
        }
      }
    }
    for name in ["", "things; DROP TABLE things", "moondance_projections", "sqlite_master", "things\"", "THINGS"] {
      let error = #expect(throws: ViewError.self) { try world.views.page(of: name, ViewQuery()) }
      #expect(error?.code == .noView)
    }
    for after in ["[]", "x", "[1]", "[1,2]", "['a','b']", "[\"a\",\"b\",\"c\"]"] {
      var query = ViewQuery()
      (query.order, query.after) = ("a", after)
      let error = #expect(throws: ViewError.self) { try world.views.page(of: "things", query) }
      #expect(error?.code == .badQuery)
    }
    #expect(try world.documents("things").count == Self.values.count)
    try await world.stop()
  }

  @Test(
    arguments: [nil, "key", "-key", "a", "-a", "c", "-c", "deep.b", "position", "-position", "missing"] as [String?],
    [1, 2, 3, 7, 100])
  func `page by page gives every document once, in order`(order: String?, limit: Int) async throws {
    let world = try await Self.world()
    var query = ViewQuery()
    query.order = order
    query.limit = 1000
    let all = try world.views.page(of: "things", query)
    #expect(all.documents.count == Self.values.count && all.next == nil)
    query.limit = limit
    var keys: [String] = []
    var pages = 0
    repeat {
      let page = try world.views.page(of: "things", query)
      #expect(page.documents.count <= limit)
      keys += page.documents.map(\.key)
      query.after = page.next
      pages += 1
    } while query.after != nil && pages < 100
    #expect(keys == all.documents.map(\.key))
    try await world.stop()
  }

  @Test func `sorts numbers before text, each in its order, and backwards when asked`() async throws {
    let world = try await Self.world()
    func keys(_ order: String) throws -> [String] {
      var query = ViewQuery()
      query.order = order
      return try world.views.page(of: "things", query).documents.map(\.key)
    }
    let up = try keys("a")
    #expect(up.firstIndex(of: "minus")! < up.firstIndex(of: "half")!)
    #expect(up.firstIndex(of: "half")! < up.firstIndex(of: "large")!)
    #expect(up.firstIndex(of: "large")! < up.firstIndex(of: "Text")!)
    #expect(try keys("-a") == up.reversed() && keys("c") == up)
    try await world.stop()
  }
}
