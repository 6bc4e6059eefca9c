import Foundation

/// Writes what was measured into docs/performance.md, between the marks that stand there for it, and the plots into
/// files beside it. The prose around the marks is left as it is.
///
/// A mark is a line `<!-- figures: NAME… -->`; everything up to `<!-- end -->` belongs to it. Names are those of results;
/// "all" stands for all of them, "machine" for the machine.
package struct PerformanceDocument {
  private let report: BenchReport

  package init(_ report: BenchReport) { self.report = report }

  /// - folder: that of performance.md.
  package func write(to folder: String) throws {
    let path = folder + "/performance.md"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try filled(text).write(toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.createDirectory(atPath: folder + "/performance", withIntermediateDirectories: true)
    for result in report.results {
      guard let curve = result.curve else { continue }
      try CostPlot(title: result.what, unit: result.unit, curve: curve).svg
        .write(toFile: "\(folder)/performance/\(result.name).svg", atomically: true, encoding: .utf8)
    }
  }

  /// The text with its marks filled; a mark that nothing was measured for stays as it is.
  func filled(_ text: String) throws -> String {
    var lines: [Substring] = []
    var rest = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
    while let line = rest.popFirst() {
      lines.append(line)
      guard let names = Self.names(in: line) else { continue }
      guard let end = rest.firstIndex(of: "<!-- end -->") else {
        throw BenchError("the mark \"\(line)\" has no end")
      }
      if let figures = figures(names) {
        lines += figures.split(separator: "\n", omittingEmptySubsequences: false)
        rest = rest[end...]
      }
    }
    return lines.joined(separator: "\n")
  }

  private static func names(in line: Substring) -> [Substring]? {
    let prefix = "<!-- figures: "
    guard line.hasPrefix(prefix), line.hasSuffix(" -->") else { return nil }
    return line.dropFirst(prefix.count).dropLast(4).split(separator: " ")
  }

  private func figures(_ names: [Substring]) -> String? {
    if names == ["machine"] {
      return "\(report.machine.processor), \(report.machine.cores) cores, \(report.machine.system)."
    }
    let results = report.results.filter { names == ["all"] || names.contains($0.name[...]) }
    guard !results.isEmpty else { return nil }
    let header = "| workload | figure | floor | figure ÷ floor | budget | |\n|---|---:|---:|---:|---|---|"
    return ([header] + results.map(Self.row)).joined(separator: "\n")
  }

  private static func row(_ result: BenchResult) -> String {
    let ratio = result.floor == 0 ? "" : String(format: "%.2f", result.ratio)
    let verdict = result.target == nil ? "" : result.meetsTarget ? "met" : "**not met**"
    return """
      | **\(result.name)**: \(result.what) | \(FigureText.number(result.value)) \(result.unit) \
      | \(FigureText.number(result.floor)): \(result.floorWhat) | \(ratio) | \(result.target ?? "") | \(verdict) |
      """
  }
}
