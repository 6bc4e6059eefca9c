import Foundation
import Testing

@testable import Benchmarks

@Suite("What benchmarks say")
struct ReportTests {
  private func result(_ name: String, _ value: Double, floor: Double, _ budget: BenchResult.Budget) -> BenchResult {
    BenchResult(name, "something", unit: "events/s", ([value], [floor]), floorWhat: "a loop", budget: budget)
  }

  private func report(_ results: [BenchResult]) -> BenchReport {
    BenchReport(machine: Machine(processor: "a processor", cores: 2, system: "a system"), results: results)
  }

  @Test
  func `a budget of two conditions is met when both are`() {
    let budget = BenchResult.Budget.partOfFloorAndAtLeast(0.5, 100)
    #expect(result("a", 100, floor: 200, budget).meetsTarget)
    #expect(!result("a", 99, floor: 100, budget).meetsTarget)
    #expect(!result("a", 100, floor: 201, budget).meetsTarget)
    #expect(result("a", 3, floor: 1, .timesFloor(3)).meetsTarget)
    #expect(!result("a", 3.1, floor: 1, .timesFloor(3)).meetsTarget)
  }

  @Test
  func `marks are filled again and again, and what was not measured stays`() throws {
    let text = """
      Words.
      <!-- figures: W1 -->
      old
      <!-- end -->
      <!-- figures: W9 -->
      kept
      <!-- end -->
      <!-- figures: machine -->
      <!-- end -->
      More words.
      """
    let document = PerformanceDocument(report([result("W1", 1_234_567, floor: 2_000_000, .partOfFloor(0.4))]))
    let once = try document.filled(text)
    #expect(try document.filled(once) == once)
    #expect(!once.contains("old"))
    #expect(
      once.contains("| **W1**: something | 1,234,567 events/s | 2,000,000: a loop | 0.62 | ≥ 0.4 × floor | met |"))
    #expect(once.contains("\nkept\n"))
    #expect(once.contains("a processor, 2 cores, a system."))
    #expect(once.hasPrefix("Words.\n") && once.hasSuffix("\nMore words."))
  }

  @Test
  func `a mark without an end is an error`() {
    let document = PerformanceDocument(report([]))
    #expect(throws: BenchError.self) { try document.filled("<!-- figures: W1 -->\nwords") }
  }

  @Test
  func `the document explains every workload`() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: folder.appending(path: "docs/performance.md"), encoding: .utf8)
    let explained = text.components(separatedBy: "## What is measured")[1].components(separatedBy: "\n## ")[0]
    for workload in Workload.all where !workload.name.hasPrefix("scale-") {
      #expect(explained.contains("**\(workload.name)**"), "\(workload.name)")
    }
  }

  @Test
  func `a plot has a point for each size, the dearest near the top`() {
    let curve = BenchResult.Curve(
      axis: "events", points: [.init(size: 1, value: 2, floor: 1), .init(size: 1_000_000, value: 4, floor: 1)])
    let svg = CostPlot(title: "a < b", unit: "µs", curve: curve).svg
    #expect(svg.components(separatedBy: "<circle").count == 5)
    #expect(svg.contains("a &lt; b") && svg.contains(">1M<"))
    #expect(XMLCheck.isWellFormed(svg))
  }

  @Test
  func `a name stands for one workload or a family`() {
    #expect(Workload.named("w1").map(\.name) == ["W1"])
    #expect(Workload.named("scale").count == 4)
    #expect(Workload.named("W").isEmpty)
  }

  @Test
  func `numbers have thousands apart and no more digits than they mean`() {
    #expect(FigureText.number(1_234_567.6) == "1,234,568")
    #expect(FigureText.number(42.25) == "42.2")
    #expect(FigureText.number(0.5) == "0.50")
    #expect(FigureText.number(7) == "7")
    #expect(FigureText.size(10_000) == "10k")
  }
}

@Suite("Answers of a server that is measured")
struct ResponseTests {
  private func response(_ text: String) throws -> Response? {
    try Array(text.utf8).withUnsafeBytes { try Response($0) }
  }

  @Test
  func `an answer is whole once its body is, however it is cut`() throws {
    let text = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"first\":10}"
    for end in 0..<text.utf8.count { #expect(try response(String(text.utf8.prefix(end))!) == nil) }
    let whole = try #require(try response(text))
    #expect((whole.status, whole.length) == (201, text.utf8.count))
  }

  @Test
  func `an answer without a length is refused`() {
    #expect(throws: BenchError.self) { try response("HTTP/1.1 200 OK\r\n\r\n") }
  }
}

/// Enough of XML for a picture: every element is closed.
private enum XMLCheck {
  static func isWellFormed(_ text: String) -> Bool {
    var open: [Substring] = []
    for tag in text.matches(of: /<(\/?)([a-z]+)[^>]*?(\/?)>/) {
      if !tag.1.isEmpty {
        guard open.popLast() == tag.2 else { return false }
      } else if tag.3.isEmpty {
        open.append(tag.2)
      }
    }
    return open.isEmpty
  }
}
