/// Bugs that a run can be given on purpose. They are planted in what surrounds the engine (its hands, its journal, its disk,
/// its clients), never in it, and each must be found: they are the test of the simulator.
package enum Bug: String, CaseIterable, Sendable {
  /// Now and then the disk says that it has synced and has not.
  case skippedSync = "skipped-sync"
  /// The journal reports a group durable as soon as it is written.
  case earlyAcknowledgement = "early-acknowledgement"
  /// A worker's effects are lost on their way back, its progress is not.
  case lostEffects = "lost-effects"
  /// One of the units that are to queue behind a blocked key is forgotten.
  case forgottenFollower = "forgotten-follower"
  /// A batch that was given up comes back and is taken for the one that is out.
  case voidedResult = "voided-result"
  /// Two units of one key are run in the wrong order.
  case wrongOrder = "wrong-order"
  /// A unit that should wait behind a blocked key is called.
  case overtaking
  /// A verb is answered and not done.
  case lostVerb = "lost-verb"
  /// A duplicate is not recognised.
  case duplicateAsNew = "duplicate-as-new"
  /// A batch of commands comes back as if it had been decided on the log as it is then.
  case staleDecision = "stale-decision"
  /// What was folded for `read` outlives the process, and with it what a crash has taken out of the log.
  case rememberedReads = "remembered-reads"
  /// Now and then a turn is told that it is ten minutes later.
  case hastyClock = "hasty-clock"
  /// A rule is told of another commit time of an event than the log's.
  case wrongTime = "wrong-time"
  /// A deadline that has passed is not called.
  case lostWake = "lost-wake"
  /// The entries of two due timers are exchanged on their way back from the log.
  case exchangedTimers = "exchanged-timers"
  /// The compensations of a process run first to last.
  case undoInOrder = "undo-in-order"
  /// An instance that waits for an answer is given the one that it had before.
  case oldAnswer = "old-answer"
  /// What an instance has heard and does not await yet is forgotten.
  case lostMail = "lost-mail"
  /// An instance that listens to the subject of an event is not told of it.
  case deafInstance = "deaf-instance"
  /// An instance that has begun late is not told the last of what it has missed.
  case lostBell = "lost-bell"
  /// After a restart the time that an instance waits for is over too early.
  case earlyDeadline = "early-deadline"
  /// An instance goes on with other scripts although its history is not theirs.
  case forcedMove = "forced-move"
  /// The last step of a block of a history is lost.
  case lostStep = "lost-step"
  /// A snapshot holds a state that is not the log's.
  case wrongSnapshot = "wrong-snapshot"
}
