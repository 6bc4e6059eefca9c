import Foundation

/// Numbers as people read them.
package enum FigureText {
  /// Three or more digits, thousands apart.
  package static func number(_ value: Double) -> String {
    if abs(value) < 100 { return short(value) }
    var digits = String(Int(abs(value).rounded()))
    var groups: [Substring] = []
    while digits.count > 3 {
      groups.insert(digits.suffix(3), at: 0)
      digits = String(digits.dropLast(3))
    }
    return (value < 0 ? "−" : "") + ([digits[...]] + groups).joined(separator: ",")
  }

  /// Two digits behind the point at most, and none that say nothing.
  package static func short(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e6 { return String(Int(value)) }
    return String(format: abs(value) < 10 ? "%.2f" : "%.1f", value)
  }

  /// A size on an axis: 10k, 1M.
  package static func size(_ value: Double) -> String {
    if value >= 1e6 { return short(value / 1e6) + "M" }
    return value >= 1e3 ? short(value / 1e3) + "k" : short(value)
  }

  /// A table's cells of a result, and of the points of its curve.
  package static func rows(_ result: BenchResult) -> [[String]] {
    let verdict = result.target == nil ? "" : result.meetsTarget ? "met" : "NOT MET"
    let row = [
      result.name, number(result.value), result.unit, number(result.floor),
      result.floor == 0 ? "" : String(format: "%.2f", result.ratio), result.target ?? "", verdict,
    ]
    let points = (result.curve?.points ?? []).map { point in
      ["  \(size(point.size)) \(result.curve?.axis ?? "")", number(point.value), result.unit, number(point.floor)]
        + [point.floor == 0 ? "" : String(format: "%.2f", point.value / point.floor), "", ""]
    }
    return [row] + points
  }

  /// As wide as what comes below, since rows are printed one by one.
  package static let header = [
    "WORKLOAD          ", "   FIGURE", "UNIT         ", "    FLOOR", "RATIO", "BUDGET                            ", "",
  ]
  package static let numbers: Set<Int> = [1, 3, 4]
}
