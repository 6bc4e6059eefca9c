/// What one workload gave, beside the floor measured in the same run.
package struct BenchResult: Sendable, Codable {
  package var name: String
  package var what: String
  package var unit: String
  /// Median of the rounds.
  package var value: Double
  package var rounds: [Double]
  package var floorWhat: String
  package var floor: Double
  package var floorRounds: [Double]
  /// value ÷ floor for a rate, floor ÷ value turned round for a time: see `target`.
  package var ratio: Double
  /// What the budget asks of `ratio`.
  package var target: String
  package var meetsTarget: Bool

  /// A rate: the more the better; the budget says which part of the floor it must reach.
  static func rate(
    _ name: String, _ what: String, unit: String, rounds: [Double], floorWhat: String, floors: [Double],
    atLeast part: Double
  ) -> BenchResult {
    let (value, floor) = (median(rounds), median(floors))
    return BenchResult(
      name: name, what: what, unit: unit, value: value, rounds: rounds, floorWhat: floorWhat, floor: floor,
      floorRounds: floors, ratio: value / floor, target: "≥ \(part) of the floor", meetsTarget: value / floor >= part)
  }

  /// A rate of which the budget says how large it must be, whatever its floor.
  static func rate(
    _ name: String, _ what: String, unit: String, rounds: [Double], floorWhat: String, floors: [Double],
    atLeastInAll wanted: Double
  ) -> BenchResult {
    let (value, floor) = (median(rounds), median(floors))
    return BenchResult(
      name: name, what: what, unit: unit, value: value, rounds: rounds, floorWhat: floorWhat, floor: floor,
      floorRounds: floors, ratio: value / floor, target: "≥ \(Int(wanted)) \(unit)", meetsTarget: value >= wanted)
  }

  /// A time: the less the better; the budget says how many floors it may take.
  static func time(
    _ name: String, _ what: String, rounds: [Double], floorWhat: String, floors: [Double], atMost times: Double
  ) -> BenchResult {
    let (value, floor) = (median(rounds), median(floors))
    return BenchResult(
      name: name, what: what, unit: "µs", value: value, rounds: rounds, floorWhat: floorWhat, floor: floor,
      floorRounds: floors, ratio: value / floor, target: "≤ \(Int(times)) × the floor",
      meetsTarget: value / floor <= times)
  }

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard let middle = sorted.indices.contains(sorted.count / 2) ? sorted[sorted.count / 2] : nil else { return 0 }
    return sorted.count % 2 == 1 ? middle : (middle + sorted[sorted.count / 2 - 1]) / 2
  }
}

/// The machine that a figure belongs to.
package struct Machine: Sendable, Codable {
  package var processor: String
  package var cores: Int
  package var system: String
}
