/// A word of the language: what scripts may write, defined once. Checks and hints at load, the editor's annotations and
/// the test of the reference (docs/handlers.md) all read this table.
package struct Word: Sendable {
  /// When a word may be used.
  package enum Phase: Sendable {
    /// At the top of a file, while it loads.
    case declaring
    /// In a handler, while an event is handled.
    case handling
    /// In the `run` of a process.
    case running
    /// In a projection, while an event is folded.
    case projecting
    /// Always.
    case anywhere
  }

  package struct Parameter: Sendable {
    package let name: String
    /// As the annotations write it.
    package let type: String
    package let summary: String
    package let isOptional: Bool

    init(_ name: String, _ type: String, _ summary: String, isOptional: Bool = false) {
      self.name = name
      self.type = type
      self.summary = summary
      self.isOptional = isOptional
    }
  }

  /// `emit`, `log.info`.
  package let name: String
  package let phase: Phase
  /// What it does, in one line.
  package let summary: String
  package let parameters: [Parameter]
  /// The type of its result, if it has one.
  package let result: String?
  /// For a declaration: the keys of its body.
  package let body: Shape?
  /// A word that is a value and not a function.
  package let isValue: Bool

  init(
    _ name: String, _ phase: Phase, _ summary: String, parameters: [Parameter] = [], result: String? = nil,
    body: Shape? = nil, isValue: Bool = false
  ) {
    self.name = name
    self.phase = phase
    self.summary = summary
    self.parameters = parameters
    self.result = result
    self.body = body
    self.isValue = isValue
  }
}

/// The keys of a declaration's body or of a table in it.
package struct Shape: Sendable {
  package struct Key: Sendable {
    package let name: String
    /// As the annotations write it.
    package let type: String
    package let summary: String
    package let isRequired: Bool
    /// The keys of the table that is the value.
    package let shape: Shape?

    init(_ name: String, _ type: String, _ summary: String, isRequired: Bool = false, shape: Shape? = nil) {
      self.name = name
      self.type = type
      self.summary = summary
      self.isRequired = isRequired
      self.shape = shape
    }
  }

  /// The name of its class in the annotations.
  package let name: String
  package let keys: [Key]

  subscript(_ name: String) -> Key? { keys.first { $0.name == name } }
}
