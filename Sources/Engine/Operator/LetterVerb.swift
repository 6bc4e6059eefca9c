package import Events

/// What an operator may do with a dead letter (design, section 6).
package enum LetterVerb: String, Sendable, CaseIterable {
  /// The unit is called again, with all its attempts before it, in the place of its key's queue that its position gives.
  case retry
  /// Its followers go on; the letter stays in the list.
  case skip
  /// Its followers go on, and the letter leaves the list.
  case discard
}

/// Which letters a verb is for, of those that the scope has which it comes with.
package enum LetterSelection: Sendable, Equatable {
  case ids([LetterID])
  /// Every open letter when the verb arrives, or those of one consumer, or of one of its keys.
  case all(consumer: String?, key: KeyBytes?)
}

/// How a verb on letters ended.
package enum LetterOutcome: Sendable, Equatable {
  /// Durable.
  case done(LetterReceipt)
  /// No reader has this name.
  case unknownConsumer
  case noSpace
  /// The log could not be read to tell what the letters are about; those before are done.
  case readFailed(String)
  /// The host is stopping; the letters before may be done when `maybeIn`.
  case stopped(maybeIn: Bool)
}

package struct LetterReceipt: Sendable, Equatable {
  /// How many letters the verb resolved.
  package var resolved = 0
  /// Names of no open letter: resolved before, or never given.
  package var notOpen: [LetterID] = []
  /// Letters that `skip` found with nobody waiting behind them.
  package var unchanged = 0
  /// Letters left as they are since their consumer's queues are full.
  package var left = 0

  package init(resolved: Int = 0, notOpen: [LetterID] = [], unchanged: Int = 0, left: Int = 0) {
    (self.resolved, self.notOpen, self.unchanged, self.left) = (resolved, notOpen, unchanged, left)
  }
}

/// A page of the open dead letters, by id.
package struct LetterQuery: Sendable {
  /// Of which readers.
  package var scope: ReaderScope
  /// Of these, the one with this name.
  package var consumer: String?
  package var key: KeyBytes?
  /// Letters after this one.
  package var after: LetterID?
  package var limit: Int

  package init(
    scope: ReaderScope = .all, consumer: String? = nil, key: KeyBytes? = nil, after: LetterID? = nil, limit: Int = 100
  ) {
    (self.scope, self.consumer, self.key, self.after, self.limit) = (scope, consumer, key, after, limit)
  }
}

package struct LetterPage: Sendable, Equatable {
  package var letters: [LetterSummary]
  /// Where the next page goes on after; nil: this was the last.
  package var next: LetterID?
  /// How many letters the consumer, or all of the scope, have open; without regard to the key.
  package var total: Int

  package init(letters: [LetterSummary], next: LetterID?, total: Int) {
    (self.letters, self.next, self.total) = (letters, next, total)
  }
}

/// What the engine keeps of a letter in memory; the rest is in the log (`FailureHistory`).
package struct LetterSummary: Sendable, Equatable {
  package var id: LetterID
  package var consumer: String
  package var key: KeyBytes
  /// Of the event that was given up.
  package var position: Position
  /// Its followers wait for an operator; else they went on.
  package var isBlocking: Bool
  /// How many events wait behind it.
  package var waiting: Int

  package init(id: LetterID, consumer: String, key: KeyBytes, position: Position, isBlocking: Bool, waiting: Int) {
    (self.id, self.consumer, self.key, self.position) = (id, consumer, key, position)
    (self.isBlocking, self.waiting) = (isBlocking, waiting)
  }
}
