import TestKit

/// The consumers of a run, each in a few versions. What a run deploys is a choice of them.
struct Palette {
  static let names = ["a", "b", "c", "d", "e"]

  private(set) var versions: [String: [Behaviour]] = [:]

  /// - hearsTicks: one of them hears what schedules make.
  init(_ seed: inout Seed, hearsTicks: Bool) {
    for name in Self.names {
      let key: Behaviour.Key = ["b": .function, "c": .path][name] ?? .subject
      versions[name] = (1...(1 + seed.below(3))).map { Self.behaviour(name, $0, key, &seed) }
      guard hearsTicks, name == "a" else { continue }
      for index in versions[name]!.indices { versions[name]![index].hears.append(Clockwork.type) }
    }
  }

  private static func behaviour(_ name: String, _ version: Int, _ key: Behaviour.Key, _ seed: inout Seed) -> Behaviour {
    var hears =
      switch name {
      case "e":
        [["moondance.dead-letter"], ["moondance.*"], ["Ship", "moondance.dead-letter.resolved"]][seed.below(3)]
      case "d": [["Pay", "Step"], ["P*", "Step"], ["S*"]][seed.below(3)]
      default: [["Order"], ["Order", "Pay"], ["Order", "Step"], ["*"]][seed.below(4)]
      }
    // Everything, but never what the consumers themselves make: that would never end.
    if hears == ["*"] { hears = ["O*", "Pay", "S*"] }
    return Behaviour(
      name: name, version: version, hears: hears, fromStart: seed.oneIn(2),
      key: seed.oneIn(8) ? [.subject, .path, .function][seed.below(3)] : key, attempts: 1 + seed.below(4),
      first: [0, 1, 200, 5000][seed.below(4)], factor: Int64(1 + seed.below(3)), cap: [5000, 60_000][seed.below(2)],
      jitter: [0, 20, 100][seed.below(3)], skips: seed.oneIn(3))
  }

  /// Some of the consumers, at least one, each in one of its versions.
  func choose(_ seed: inout Seed, all: Bool) -> [Behaviour] {
    var chosen: [Behaviour] = []
    while chosen.isEmpty {
      for name in Self.names where all || !seed.oneIn(4) {
        let list = versions[name]!
        chosen.append(list[seed.below(list.count)])
      }
    }
    return chosen
  }

  /// A few of what is deployed in another version.
  func vary(_ deployed: [Behaviour], _ seed: inout Seed) -> [Behaviour] {
    var chosen = deployed
    for index in chosen.indices {
      guard let list = versions[chosen[index].name], seed.oneIn(2) else { continue }
      chosen[index] = list[seed.below(list.count)]
    }
    return chosen
  }
}
