internal import Events

/// Warns of event types that were probably meant to be another: heard, but neither made by a script nor seen in the
/// log, while one that is nearly the same is. And the other way round.
struct TypeWarnings {
  struct Heard {
    let consumer: String
    let pattern: TypePattern
    let file: String
    let line: Int
  }

  struct Made {
    let type: String
    let file: String
    let line: Int
  }

  let heard: [Heard]
  let made: [Made]
  /// What the log has seen, and the host's own.
  let known: Set<String>

  var all: [String] { heard.compactMap(warning) + made.compactMap(warning) }

  /// What has no counterpart among the scripts and is not warned of already. A type with a contract is meant for
  /// somebody outside, or expected from there.
  func looseEnds(_ contracts: ContractSet) -> LooseEnds {
    let types = known.union(made.map(\.type))
    func hasContract(_ pattern: TypePattern) -> Bool { contracts.all.contains { pattern.matches($0.type) } }
    func firsts(_ ends: [LooseEnds.End]) -> [LooseEnds.End] {
      var seen: Set<String> = []
      return ends.filter { seen.insert($0.pattern.description).inserted }
    }
    let unheard = made.filter { made in
      !heard.contains { $0.pattern.matches(made.type) } && warning(made) == nil
    }
    let unmade = heard.filter { heard in
      !heard.pattern.text.hasPrefix(NameRule.hostPrefix) && heard.pattern.text != ""
        && !types.contains(where: heard.pattern.matches) && warning(heard) == nil
    }
    return LooseEnds(
      unheard: firsts(
        unheard.compactMap { made in
          TypePattern(made.type).map { LooseEnds.End(pattern: $0, file: made.file, line: made.line) }
        }
      ).filter { !hasContract($0.pattern) },
      unmade: firsts(unmade.map { LooseEnds.End(pattern: $0.pattern, file: $0.file, line: $0.line) })
        .filter { !hasContract($0.pattern) })
  }

  private func warning(_ heard: Heard) -> String? {
    let types = known.union(made.map(\.type))
    guard !types.contains(where: heard.pattern.matches) else { return nil }
    let others = self.heard.filter { $0.consumer != heard.consumer && !$0.pattern.isPrefix }.map(\.pattern.text)
    let text = heard.pattern.text
    let nearest: String?
    if heard.pattern.isPrefix {
      let beginnings = types.union(others).map { String($0.prefix(text.count)) }
      guard !beginnings.contains(text) else { return nil }
      nearest = NearestName.likely(text, among: Set(beginnings).sorted()).map { $0 + "*" }
    } else {
      guard !others.contains(text) else { return nil }
      nearest = NearestName.likely(text, among: types.union(others).sorted())
    }
    return nearest.map {
      "\(heard.file):\(heard.line): \(heard.consumer) hears \"\(heard.pattern)\", which nobody makes: did you mean \($0)?"
    }
  }

  private func warning(_ made: Made) -> String? {
    guard !known.contains(made.type), !heard.contains(where: { $0.pattern.matches(made.type) }) else { return nil }
    let exact = heard.filter { !$0.pattern.isPrefix }.map(\.pattern.text)
    guard let nearest = NearestName.likely(made.type, among: known.union(exact).sorted()) else { return nil }
    return "\(made.file):\(made.line): \"\(made.type)\" is emitted, which nobody hears: did you mean \(nearest)?"
  }
}

/// Event types of which the scripts have only one side. The other may be outside: whoever sends events in, and whoever reads
/// the log or the stream of events. Or it is missing.
package struct LooseEnds: Sendable {
  package struct End: Sendable {
    package let pattern: TypePattern
    /// The first place.
    package let file: String
    package let line: Int
  }

  /// Emitted, and no script hears them.
  package let unheard: [End]
  /// Heard, and no script emits them.
  package var unmade: [End]
}

/// Names the circle that a chain of causes goes round.
struct TypeCircle: Sendable {
  /// Which types a file hears and which it emits.
  struct Step: Sendable {
    let hears: [TypePattern]
    let emits: [String]
  }

  let steps: [Step]

  /// From `type`, heard by whoever emitted `next`, and on until `type` is emitted again: `Ping → Pong → Ping`.
  func text(from type: String, emitting next: String) -> String {
    var paths: [[String]] = [[type, next]]
    var seen: Set<String> = [next]
    if next == type { return paths[0].joined(separator: " → ") }
    while !paths.isEmpty {
      let path = paths.removeFirst()
      for step in steps where step.hears.contains(where: { $0.matches(path[path.count - 1]) }) {
        for emitted in step.emits {
          if emitted == type { return (path + [emitted]).joined(separator: " → ") }
          if seen.insert(emitted).inserted { paths.append(path + [emitted]) }
        }
      }
    }
    return "\(type) → \(next) → …"
  }
}
