import Testing

@testable import Scripts

/// A path into an event is the same wherever one may stand: as a `key`, as one of several, and in `hears`.
@Suite("Paths")
struct PathTests {
  /// Where a path may stand, with the name by which errors call it; it is on the third line.
  private static let places: [(name: String, script: @Sendable (_ path: String) -> String)] = [
    ("key", { "consumer \"c\" {\n\n key = \($0),\n on = { A = function() end } }" }),
    ("key.A", { "consumer \"c\" {\n key = {\n A = \($0) },\n on = { A = function() end } }" }),
    ("key", { "projection \"c\" {\n\n key = \($0),\n on = { A = function() end } }" }),
    ("hears.A", { "process \"c\" { starts = \"B\",\n hears = {\n A = \($0) }, run = function() end }" }),
  ]

  @Test(arguments: [
    "subject", "id", "type", "source", "time", "recorded", "position", "cause", "correlation", "data", "data.order",
    "data.a.b.1", "ext", "ext.tenant", "data.ünïcode", "data. x",
  ])
  func `is a field of the event, or leads below its data or attributes`(path: String) throws {
    for (name, script) in Self.places {
      let generation = try Generation.load([SourceFile(path: "a.lua", text: script("\"\(path)\""))]).get()
      let parts = path.split(separator: ".").map(String.init)
      let rule: KeyRule = path == "subject" ? .subject : .path(parts)
      if let projection = generation.projections.first {
        #expect(projection.key == rule)
      } else if let process = generation.consumers.first?.process {
        #expect(process.named.map(\.path) == [parts])
      } else if name == "key" || path == "subject" {
        #expect(generation.consumers.first?.key == rule)
      } else {
        let entry = KeyRule.Entry(pattern: try #require(TypePattern("A")), rule: rule)
        #expect(generation.consumers.first?.key == .perType([entry]))
      }
    }
  }

  @Test(arguments: [
    ("order", "data.order"), ("customer.id", "data.customer.id"), ("key", "data.key"), ("daat.x", "data.x"),
    ("exta.tenant", "ext.tenant"), ("subject.x", "subject"), ("time.day", "time"), ("data.", "data"),
    ("data..x", "data.x"), (".data", "data"), ("", "subject"), (".", "subject"), ("Subject.name", "subject"),
  ])
  func `that leads nowhere is refused where it stands, with what was meant`(path: String, meant: String) {
    for (name, script) in Self.places {
      #expect(
        Generation.errors([("a.lua", script("\"\(path)\""))]) == [
          """
          a.lua:3: \(name) is "\(path)", which is no field of an event
            did you mean "\(meant)"? a path is a field, or begins with "data." or "ext."
          """
        ], "\(name)")
    }
  }

  @Test(arguments: [("5", "a number"), ("true", "a boolean")])
  func `is text`(value: String, kind: String) {
    for (name, script) in Self.places {
      let wanted = name.hasPrefix("key") ? "a path or a function is" : "a path is"
      let last = name.split(separator: ".").last ?? ""
      #expect(
        Generation.errors([("a.lua", script(value))]) == [
          "a.lua:3: \(name) is \(kind); \(wanted) wanted\n  write \(last) = \"data.order\""
        ], "\(name)")
    }
  }

  @Test func `in hears is no function and no table`() {
    for (value, kind) in [("function() end", "a function"), ("{ \"data.x\" }", "a table")] {
      #expect(
        Generation.errors([("a.lua", Self.places[3].script(value))]) == [
          "a.lua:3: hears.A is \(kind); a path is wanted\n  write A = \"data.order\""
        ])
    }
  }
}
