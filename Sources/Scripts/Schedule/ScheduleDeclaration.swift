/// A `schedule`: what the host makes by itself when a time has come.
package struct ScheduleDeclaration: Sendable, Hashable {
  /// What becomes of runs whose time has passed while nobody could make them.
  package enum Missed: String, Sendable, CaseIterable {
    /// The last of them is made.
    case once
    /// None is made.
    case skip
    /// Each is made, in their order.
    case all
  }

  /// What a run makes.
  package struct Effect: Sendable, Hashable {
    /// A command for its owner, rather than an event.
    package var isCommand: Bool
    package var type: String
    /// Of a command: whom it is for.
    package var subject: String
    /// JSON.
    package var data: [UInt8]
    /// The contract that the data of an event were checked against; 0: there is none.
    package var contractVersion: UInt16 = 0

    package init(isCommand: Bool = false, type: String, subject: String, data: [UInt8], contractVersion: UInt16 = 0) {
      (self.isCommand, self.type, self.subject) = (isCommand, type, subject)
      (self.data, self.contractVersion) = (data, contractVersion)
    }
  }

  package var name: String
  package var file: String
  package var line: Int
  package var recurrence: Recurrence
  package var effect: Effect
  package var missed: Missed

  package init(
    name: String, file: String, line: Int, recurrence: Recurrence, effect: Effect, missed: Missed = .once
  ) {
    (self.name, self.file, self.line) = (name, file, line)
    (self.recurrence, self.effect, self.missed) = (recurrence, effect, missed)
  }

  /// `emits DayClosed`, `sends Settle to account-1`.
  package var summary: String {
    effect.isCommand
      ? "sends \(effect.type) to \(effect.subject)"
      : "emits \(effect.type)" + (effect.subject == name ? "" : " on \(effect.subject)")
  }
}
