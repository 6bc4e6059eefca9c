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
  /// value ÷ floor.
  package var ratio: Double
  /// What the budget asks; nil: nothing, the figure stands for itself.
  package var target: String?
  package var meetsTarget: Bool
  /// The cost at several sizes, for a plot; `value` is that at the largest.
  package var curve: Curve?

  package struct Curve: Sendable, Codable {
    /// What grows.
    package var axis: String
    package var points: [Point]
  }

  package struct Point: Sendable, Codable {
    package var size: Double
    package var value: Double
    package var floor: Double
  }

  /// What the budget asks of a figure.
  enum Budget {
    /// A rate that reaches this part of its floor.
    case partOfFloor(Double)
    /// A rate of at least so many.
    case atLeast(Double)
    /// Both.
    case partOfFloorAndAtLeast(Double, Double)
    /// A time or a size of at most so many floors.
    case timesFloor(Double)
    /// A time or a size of at most so much.
    case atMost(Double)
    case nothing

    func isMet(_ value: Double, floor: Double) -> Bool {
      switch self {
      case .partOfFloor(let part): value >= part * floor
      case .atLeast(let wanted): value >= wanted
      case .partOfFloorAndAtLeast(let part, let wanted): value >= part * floor && value >= wanted
      case .timesFloor(let times): value <= times * floor
      case .atMost(let most): value <= most
      case .nothing: true
      }
    }

    func text(_ unit: String) -> String? {
      switch self {
      case .partOfFloor(let part): "≥ \(part) × floor"
      case .atLeast(let wanted): "≥ \(FigureText.number(wanted)) \(unit)"
      case .partOfFloorAndAtLeast(let part, let wanted):
        "≥ \(part) × floor, ≥ \(FigureText.number(wanted)) \(unit)"
      case .timesFloor(let times): "≤ \(FigureText.short(times)) × floor"
      case .atMost(let most): "≤ \(FigureText.number(most)) \(unit)"
      case .nothing: nil
      }
    }
  }

  init(
    _ name: String, _ what: String, unit: String, _ figures: (values: [Double], floors: [Double]), floorWhat: String,
    budget: Budget, curve: Curve? = nil
  ) {
    (self.name, self.what, self.unit, self.floorWhat, self.curve) = (name, what, unit, floorWhat, curve)
    (rounds, floorRounds) = figures
    (value, floor) = (Self.median(rounds), Self.median(floorRounds))
    ratio = floor == 0 ? 0 : value / floor
    target = budget.text(unit)
    meetsTarget = budget.isMet(value, floor: floor)
  }

  /// What a cost is at the largest size, beside what it is at the smallest.
  init(
    _ name: String, _ what: String, unit: String, axis: String, _ points: [Point], floorWhat: String, budget: Budget
  ) {
    self.init(
      name, what, unit: unit, (points.suffix(1).map(\.value), points.prefix(1).map(\.value)), floorWhat: floorWhat,
      budget: budget, curve: Curve(axis: axis, points: points))
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

/// What `moondance bench --json` prints.
package struct BenchReport: Sendable, Codable {
  package var machine: Machine
  package var results: [BenchResult]

  package init(machine: Machine, results: [BenchResult]) { (self.machine, self.results) = (machine, results) }
}
