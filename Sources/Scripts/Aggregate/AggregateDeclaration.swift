/// What an `aggregate` makes of the events of a subject: `initial` and `events` of its declaration.
package struct AggregateDeclaration: Sendable {
  /// What every subject begins with: JSON, its keys in the fixed order.
  package let initial: [UInt8]
  /// In the order of their patterns' bytes; an index into them is what `fold(forType:)` gives.
  package let folds: [HandlerDeclaration]
  private let hearing: Hearing

  /// The largest state, as JSON, in bytes.
  package static let maximumBytes = 256 << 10

  init(initial: [UInt8], folds: [HandlerDeclaration]) {
    self.initial = initial
    self.folds = folds
    hearing = Hearing(folds.map(\.pattern))
  }

  /// The function that changes the state when an event of `type` has happened; nil when it is none of the aggregate's.
  package func fold(forType type: UnsafeRawBufferPointer) -> Int? { hearing.index(forType: type) }
}

/// Who decides a command.
package struct CommandOwner: Sendable {
  package let command: String
  /// The name of the aggregate.
  package let aggregate: String
  package let file: String
  package let line: Int
}

/// The owners of all commands of a generation. Any thread.
package struct CommandOwners: Sendable {
  private let owners: [[UInt8]: CommandOwner]

  init(_ owners: [CommandOwner] = []) {
    self.owners = Dictionary(owners.map { (Array($0.command.utf8), $0) }) { first, _ in first }
  }

  package subscript(command: UnsafeRawBufferPointer) -> CommandOwner? { owners[Array(command)] }

  /// By the names of the commands.
  package var all: [CommandOwner] { owners.values.sorted { $0.command < $1.command } }

  /// A command that was probably meant by one that nobody owns, with its owner: `Withdraw (aggregate account)`.
  package func near(_ command: String) -> String? {
    NearestName.of(command, among: owners.values.map(\.command).sorted()).flatMap { name in
      owners[Array(name.utf8)].map { "\(name) (aggregate \($0.aggregate))" }
    }
  }
}
