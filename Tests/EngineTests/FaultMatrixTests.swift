import Foundation
import Testing

/// docs/faults.md says which test covers which fault: this holds it to that.
@Suite("The list of faults")
struct FaultMatrixTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  private static let document = (try? String(contentsOf: root.appending(path: "docs/faults.md"), encoding: .utf8)) ?? ""

  /// The entries of the list: what stands in bold at their beginning, and all of their text.
  private static let entries: [(name: String, text: String)] =
    document.components(separatedBy: "\n- **").dropFirst().compactMap { part in
      guard let end = part.range(of: "**") else { return nil }
      let text = part[end.upperBound...].components(separatedBy: "\n\n")[0]
      return (String(part[..<end.lowerBound]), text)
    }

  @Test func `every test that is named exists`() throws {
    var sources: [String: String] = [:]
    var count = 0
    for entry in Self.entries {
      for reference in entry.text.matches(of: /`(\w+\/\w+): ([^`]+)`/) {
        let file = String(reference.1)
        if sources[file] == nil {
          sources[file] = try String(contentsOf: Self.root.appending(path: "Tests/\(file).swift"), encoding: .utf8)
        }
        #expect(sources[file]!.contains("func `\(reference.2)`"), "\(entry.name): \(file): \(reference.2)")
        count += 1
      }
    }
    #expect(count > 100)
  }

  @Test func `no fault and no rule is left out, and each has a test or says when it comes`() {
    let names = Set(Self.entries.flatMap { Self.names(in: $0.name) })
    // Numbers that the list of faults does not use.
    let unused: Set = [34, 38, 51, 64, 65, 66, 67, 68, 70, 75, 77]
    var all = (1...80).filter { !unused.contains($0) }.map { "\($0)" }
    all += (1...5).map { "L\($0)" } + (1...6).map { "O\($0)" } + (1...10).map { "S\($0)" } + (1...7).map { "D\($0)" }
    all += ["B1", "B2"]
    #expect(names == Set(all), "\(names.symmetricDifference(all).sorted())")
    for entry in Self.entries where !entry.text.contains("`") {
      #expect(entry.text.contains("Comes with"), "\(entry.name)")
    }
  }

  /// `7` is 7, `10–12` is 10, 11 and 12.
  private static func names(in name: String) -> [String] {
    let ends = name.split(separator: "–").compactMap { Int($0) }
    return ends.count == 2 ? (ends[0]...ends[1]).map { "\($0)" } : [name]
  }
}
