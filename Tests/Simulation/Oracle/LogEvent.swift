import Events

/// An event as the oracle has read it in the log.
struct LogEvent {
  var position: UInt64
  var commit: UInt64
  var type: String
  var subject: String
  var data: String
  var cause: UInt64
  var root: UInt64
  var depth: Int
  var identity: String?
  /// The commit's time, µs.
  var time: Int64
  /// What the data says; nothing for the host's own events.
  var content: Content
  /// What the data of one of the bank's entries say.
  var bank: Bank.Entry?
  var isCommand = false
  /// Of a timer; its type has `timer ` before it, so that nobody hears it.
  var timer: TimerNote?
  /// The instance of a process that it is for.
  var reply: ReplyAddress?

  var isHostEvent: Bool { type.hasPrefix("moondance.") }
}
