/// A value of a figure, for one choice of its labels.
package struct Sample: Sendable {
  enum Value: Sendable {
    case number(Double)
    case histogram(HistogramCell.Counts)
  }

  /// In the order of the figure's labels.
  var labels: [String]
  var value: Value

  package init(_ labels: [String] = [], _ value: Double) { (self.labels, self.value) = (labels, .number(value)) }
  init(labels: [String], value: Value) { (self.labels, self.value) = (labels, value) }
}

/// Prometheus' text format.
package enum Exposition {
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// Everything that `registry` has counted, and `gauges` as they are now, by figure and by labels. Figures of which
  /// there is no sample yet are described all the same.
  package static func text(_ registry: MetricsRegistry, gauges: [Figure: [Sample]]) -> String {
    let samples = registry.samples().merging(gauges) { $0 + $1 }
    var text = ""
    for figure in Figure.allCases {
      text += "# HELP \(figure.rawValue) \(escaped(figure.help, quotes: false))\n"
      text += "# TYPE \(figure.rawValue) \(figure.kind.rawValue)\n"
      for sample in (samples[figure] ?? []).sorted(by: { $0.labels.lexicographicallyPrecedes($1.labels) }) {
        append(sample, of: figure, to: &text)
      }
    }
    return text
  }

  private static func append(_ sample: Sample, of figure: Figure, to text: inout String) {
    let labels = zip(figure.labels, sample.labels).map { "\($0)=\"\(escaped($1, quotes: true))\"" }
    switch sample.value {
    case .number(let value): text += line(figure.rawValue, labels, number(value))
    case .histogram(let counts):
      var count: UInt64 = 0
      for (bound, between) in zip(figure.bounds.map(number) + ["+Inf"], counts.between) {
        count += between
        text += line(figure.rawValue + "_bucket", labels + ["le=\"\(bound)\""], "\(count)")
      }
      text += line(figure.rawValue + "_sum", labels, number(counts.sum))
      text += line(figure.rawValue + "_count", labels, "\(count)")
    }
  }

  private static func line(_ name: String, _ labels: [String], _ value: String) -> String {
    labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels.joined(separator: ","))} \(value)\n"
  }

  /// Whole numbers without a point, as long as they are exact.
  private static func number(_ value: Double) -> String {
    if value == value.rounded(), value.magnitude < 9_007_199_254_740_992 { return "\(Int64(value))" }
    return "\(value)"
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
