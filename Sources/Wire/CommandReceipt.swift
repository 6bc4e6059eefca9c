/// The answer to `POST /commands/{type}` when the command is durable and not decided yet (202).
package struct CommandReceipt: Codable, Sendable, Equatable {
  /// Where it stands in the log.
  package var position: UInt64
  /// `pending`, or `dead-letter` when its owner was given up and an operator decides.
  package var state: String
  /// Of a dead letter.
  package var deadLetter: String?

  package init(position: UInt64, deadLetter: String?) {
    self.position = position
    self.deadLetter = deadLetter
    state = deadLetter == nil ? "pending" : "dead-letter"
  }
}
