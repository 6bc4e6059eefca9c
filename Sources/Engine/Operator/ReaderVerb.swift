package import Events

/// What an operator may do with a consumer (design, section 6).
package enum ReaderVerb: Sendable, Hashable {
  /// What is out is finished; nothing new is handed out until `resume`, also after a restart or a deploy.
  case pause
  case resume
  /// As `pause` and `resume`, for one target of a destination that has one for each document.
  case pauseTarget(KeyBytes)
  case resumeTarget(KeyBytes)
  /// Blocked work and dead letters are dropped. A consumer that is declared keeps its cursor; one that is not is gone, and
  /// the same name begins as a new one.
  case forget
  /// Hears again from this position on. Blocked work and dead letters at or after it are dropped, earlier ones stay.
  case rewind(to: Position)
}

/// How a verb on a consumer ended.
package enum ReaderOutcome: Sendable, Equatable {
  /// Durable.
  case done(ReaderReceipt)
  /// No reader has this name.
  case unknown
  /// Why it makes no sense now, and what to do.
  case refused(String)
  case noSpace
  /// The host is stopping; it is done when `maybeIn` turns out so.
  case stopped(maybeIn: Bool)
}

package struct ReaderReceipt: Sendable, Equatable {
  /// False: it was so already.
  package var changed: Bool
  /// As `HostStatus.Reader.state`; `forgotten` for a reader that is gone.
  package var state: String
  /// Everything up to here is handled, blocked or dead.
  package var cursor: UInt64
  /// What was dropped: events that waited, and dead letters.
  package var droppedUnits: Int
  package var droppedLetters: Int

  package init(changed: Bool, state: String, cursor: UInt64, droppedUnits: Int = 0, droppedLetters: Int = 0) {
    (self.changed, self.state, self.cursor) = (changed, state, cursor)
    (self.droppedUnits, self.droppedLetters) = (droppedUnits, droppedLetters)
  }
}
