package import Scripts

/// Plays tests of scripts under every schedule, with the log and engine of the daemon and a clock of its own.
package struct Rehearsal: Sendable {
  private let scripts: Generation

  package init(_ scripts: Generation) { self.scripts = scripts }

  /// Plays a test under every schedule until one shows a problem: a step that does not hold, or other effects than the
  /// first schedule had.
  package func run(_ test: ScriptTest) -> TestResult {
    var result = TestResult(name: test.name, file: test.file, line: test.line)
    var first: [Performance.Effect]?
    for schedule in Schedule.allCases {
      do {
        var performance = try Performance(test, of: scripts, schedule)
        try performance.play()
        if let problem = performance.problem {
          result.problem = problem
          return result
        }
        if let first {
          if let (what, details) = Self.difference(first, performance.effects, schedule) {
            result.problem = TestResult.Problem(
              file: test.file, line: test.line, schedule: schedule, what: what, details: details)
            return result
          }
        } else {
          first = performance.effects
        }
      } catch {
        result.problem = TestResult.Problem(
          file: test.file, line: test.line, schedule: schedule, what: "\(error)", details: [])
        return result
      }
    }
    return result
  }

  /// The first effect that is not the same.
  private static func difference(
    _ first: [Performance.Effect], _ other: [Performance.Effect], _ schedule: Schedule
  ) -> (String, [String])? {
    let (known, found) = (index(first), index(other))
    let why = "what a handler decides must follow from its event, its state and what it reads as of the event"
    for effect in first where found[effect.origin].map({ !effect.isLike($0) }) ?? true {
      let here = found[effect.origin].map { "\($0.type) on \($0.subject) \($0.data)" } ?? "nothing"
      return (
        "\(schedule.rawValue) the scripts do something else",
        [
          "after \(effect.cause)",
          "  \(Schedule.oneByOne.rawValue): \(effect.type) on \(effect.subject) \(effect.data)",
          "  \(schedule.rawValue): \(here)", why,
        ]
      )
    }
    for effect in other where known[effect.origin] == nil {
      return (
        "\(schedule.rawValue) the scripts do something else",
        [
          "after \(effect.cause)", "  \(Schedule.oneByOne.rawValue): nothing",
          "  \(schedule.rawValue): \(effect.type) on \(effect.subject) \(effect.data)", why,
        ]
      )
    }
    return nil
  }

  private static func index(_ effects: [Performance.Effect]) -> [String: Performance.Effect] {
    Dictionary(effects.map { ($0.origin, $0) }, uniquingKeysWith: { first, _ in first })
  }
}
