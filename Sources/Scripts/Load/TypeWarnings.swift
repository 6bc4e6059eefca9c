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
  /// What is known, and what the scripts make.
  private let types: Set<String>
  /// Who hears a type by its full name: the first, and whether others do too.
  private let hearers: [String: (consumer: String, others: Bool)]
  private let prefixes: [TypePattern]
  /// For each of `heard` and of `made`.
  private var warnings: (heard: [String?], made: [String?]) = ([], [])

  init(heard: [Heard], made: [Made], known: Set<String>) {
    (self.heard, self.made, self.known) = (heard, made, known)
    types = known.union(made.map(\.type))
    hearers = heard.filter { !$0.pattern.isPrefix }.reduce(into: [:]) { hearers, heard in
      let first = hearers[heard.pattern.text, default: (heard.consumer, false)]
      hearers[heard.pattern.text] = (first.consumer, first.others || first.consumer != heard.consumer)
    }
    prefixes = Set(heard.map(\.pattern)).filter(\.isPrefix)
    let names = types.union(hearers.keys).sorted()
    let meant = known.union(hearers.keys).sorted()
    warnings = (heard.map { warning($0, among: names) }, made.map { warning($0, among: meant) })
  }

  var all: [String] { (warnings.heard + warnings.made).compactMap(\.self) }

  /// What has no counterpart among the scripts and is not warned of already. A type with a contract is meant for
  /// somebody outside, or expected from there.
  func looseEnds(_ contracts: ContractSet) -> LooseEnds {
    func hasContract(_ pattern: TypePattern) -> Bool { contracts.all.contains { pattern.matches($0.type) } }
    func firsts(_ ends: [LooseEnds.End]) -> [LooseEnds.End] {
      var seen: Set<String> = []
      return ends.filter { seen.insert($0.pattern.description).inserted && !hasContract($0.pattern) }
    }
    let unheard = zip(made, warnings.made).filter { made, warning in warning == nil && !isHeard(made.type) }
    let unmade = zip(heard, warnings.heard).filter { heard, warning in
      warning == nil && !heard.pattern.text.hasPrefix(NameRule.hostPrefix) && heard.pattern.text != ""
        && !isMade(heard.pattern)
    }
    return LooseEnds(
      unheard: firsts(
        unheard.compactMap { made, _ in
          TypePattern(made.type).map { LooseEnds.End(pattern: $0, file: made.file, line: made.line) }
        }),
      unmade: firsts(
        unmade.map { heard, _ in LooseEnds.End(pattern: heard.pattern, file: heard.file, line: heard.line) }))
  }

  private func isHeard(_ type: String) -> Bool { hearers[type] != nil || prefixes.contains { $0.matches(type) } }

  private func isMade(_ pattern: TypePattern) -> Bool {
    pattern.isPrefix ? types.contains(where: pattern.matches) : types.contains(pattern.text)
  }

  /// - names: all types there are, sorted.
  private func warning(_ heard: Heard, among names: [String]) -> String? {
    guard !isMade(heard.pattern) else { return nil }
    func isOthers(_ name: String) -> Bool { hearers[name].map { $0.others || $0.consumer != heard.consumer } ?? false }
    let others = names.lazy.filter { types.contains($0) || isOthers($0) }
    let text = heard.pattern.text
    let nearest: String?
    if heard.pattern.isPrefix {
      let beginnings = others.map { String($0.prefix(text.count)) }
      guard !beginnings.contains(text) else { return nil }
      nearest = NearestName.likely(text, among: Set(beginnings).sorted()).map { $0 + "*" }
    } else {
      guard !isOthers(text) else { return nil }
      nearest = NearestName.likely(text, among: others)
    }
    return nearest.map {
      "\(heard.file):\(heard.line): \(heard.consumer) hears \"\(heard.pattern)\", which nobody makes: did you mean \($0)?"
    }
  }

  /// - names: what may have been meant, sorted.
  private func warning(_ made: Made, among names: [String]) -> String? {
    guard !known.contains(made.type), !isHeard(made.type) else { return nil }
    guard let nearest = NearestName.likely(made.type, among: names) else { return nil }
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
