import Foundation
import LogStorage
import Testing

@Suite("Error codes")
struct ErrorCodeTests {
  @Test func `every code that an operator can meet has a section, and every section a code`() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let source = try String(
      contentsOf: root.appending(path: "Sources/LogStorage/LogError.swift"), encoding: .utf8)
    let manual = try String(contentsOf: root.appending(path: "docs/operations.md"), encoding: .utf8)
    let codes = source.matches(of: /Code\(rawValue: "(log-[a-z-]+)"\)/).map { String($0.1) }
    let sections = manual.matches(of: /(?m)^### `(log-[a-z-]+)`$/).map { String($0.1) }
    #expect(!codes.isEmpty)
    #expect(codes.sorted() == sections.sorted())
  }
}
