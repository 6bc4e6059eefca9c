import Wire

/// What verbs on consumers will do and have done, for people.
enum ConsumerText {
  static func paused(_ receipt: ConsumerReceipt) -> String {
    "\(receipt.consumer) \(receipt.changed ? "is paused" : "was paused already"), at \(receipt.cursor)"
  }

  static func resumed(_ receipt: ConsumerReceipt) -> String {
    receipt.changed
      ? "\(receipt.consumer) goes on from \(receipt.cursor)"
      : "\(receipt.consumer) was not paused: it is \(receipt.state), at \(receipt.cursor)"
  }

  /// What forgetting would give up; nil: nothing.
  static func beforeForgetting(_ consumer: StatusReport.Consumer) -> String? {
    let isRemoved = consumer.state == "removed"
    guard isRemoved || consumer.queued > 0 || consumer.deadLetters > 0 else { return nil }
    let dropped =
      "\(counted(consumer.queued, "event")) in blocked keys and \(counted(consumer.deadLetters, "dead letter"))"
    return isRemoved
      ? """
      No script declares \(consumer.name). Forgetting it drops \(dropped), and its place in the log, \(consumer.cursor): a \
      consumer of this name will begin as a new one.
      """
      : """
      \(dropped) of \(consumer.name) will be dropped: it will not handle them. It keeps its place in the log, \
      \(consumer.cursor), and goes on from there.
      """
  }

  static func forgotten(_ receipt: ConsumerReceipt) -> String {
    guard receipt.changed else { return "nothing waited for \(receipt.consumer)" }
    let dropped = Self.dropped(receipt) ?? "nothing"
    return receipt.state == "forgotten"
      ? "\(receipt.consumer) is forgotten; dropped: \(dropped)"
      : "dropped: \(dropped); \(receipt.consumer) goes on from \(receipt.cursor)"
  }

  static func beforeRewinding(_ report: RewindReport) -> String {
    """
    \(report.consumer) will go back from \(report.cursor) to \(report.from) and handle \(counted(report.events, "event")) \
    again. It made \(counted(report.effects, "event")) of them before, and will make their like again, as new ones.
    Blocked events and dead letters from \(report.from) on are dropped, since they are heard again.
    """
  }

  static func rewound(_ receipt: ConsumerReceipt) -> String {
    let dropped = Self.dropped(receipt).map { "; dropped: \($0)" } ?? ""
    return "\(receipt.consumer) hears again from \(receipt.cursor + 1) on\(dropped)"
  }

  private static func dropped(_ receipt: ConsumerReceipt) -> String? {
    guard receipt.droppedEvents > 0 || receipt.droppedDeadLetters > 0 else { return nil }
    return """
      \(counted(receipt.droppedEvents, "event")) in blocked keys, \(counted(receipt.droppedDeadLetters, "dead letter"))
      """
  }
}
