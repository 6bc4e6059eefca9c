/// A test that somebody wrote for their scripts: what happens, step by step, and what is expected.
package struct ScriptTest: Sendable {
  package let name: String
  package let file: String
  package let line: Int
  package let steps: [Step]

  package struct Step: Sendable {
    package let action: Action
    package let file: String
    package let line: Int

    package init(action: Action, file: String, line: Int) {
      self.action = action
      self.file = file
      self.line = line
    }
  }

  package enum Action: Sendable, Equatable {
    /// An event that is there before; what comes of it is not looked at.
    case given(Fact)
    case when(Fact)
    /// A command from outside.
    case send(Fact)
    case expect(Pattern)
    case never(Pattern)
    /// A command was rejected for a reason that contains this text.
    case rejects(String)
    /// A handler fails with a message that contains this text.
    case fails(String)
    /// The document of a projection: it has at least these members, or, with nil, is not there.
    case view(name: String, key: String, document: [UInt8]?)
    /// A message to a destination, perhaps of one key and with at least these members in its body.
    case published(Pattern)
    /// What the far side of a destination answers to the first attempt of a message, to the second, and so on.
    case answer(destination: String, [Answer])
    /// The clock goes on by so many µs.
    case advance(Int64)
    /// The clock goes on to this time, µs since 1970.
    case at(Int64)
  }

  /// An event or a command from outside.
  package struct Fact: Sendable, Equatable {
    package var type: String
    package var subject: String
    /// JSON.
    package var data: [UInt8]
  }

  /// Events of a type, perhaps of one subject and with at least these members in their data.
  package struct Pattern: Sendable, Equatable {
    package var type: String
    package var subject: String?
    /// JSON.
    package var data: [UInt8]?
  }

  /// What a far side answers.
  package struct Answer: Sendable, Equatable {
    /// Nil: there is no answer, for the reason `error`.
    package var status: Int?
    package var headers: [String: String]
    /// JSON; empty: none.
    package var body: [UInt8]
    package var error: String

    package init(status: Int?, headers: [String: String] = [:], body: [UInt8] = [], error: String = "") {
      (self.status, self.headers, self.body, self.error) = (status, headers, body, error)
    }
  }

  package init(name: String, file: String, line: Int, steps: [Step]) {
    self.name = name
    self.file = file
    self.line = line
    self.steps = steps
  }
}
