/// How a test of scripts went.
package struct TestResult: Sendable {
  package let name: String
  package let file: String
  package let line: Int
  /// Nil: it holds under every schedule.
  package var problem: Problem?

  package struct Problem: Sendable, Equatable, Encodable {
    /// The step that does not hold.
    package var file: String
    package var line: Int
    /// The first schedule under which it does not.
    package var schedule: Schedule
    package var what: String
    /// What helps to understand it, line by line.
    package var details: [String]
  }
}
