import Wire

/// What verbs on consumers and destinations will do and have done, for people.
enum ReaderText {
  static func paused(_ receipt: some VerbReceipt, target: String? = nil) -> String {
    if let target { return "\(target) of \(receipt.name) \(receipt.changed ? "is paused" : "was paused already")" }
    return "\(receipt.name) \(receipt.changed ? "is paused" : "was paused already"), at \(receipt.cursor)"
  }

  static func resumed(_ receipt: some VerbReceipt, target: String? = nil) -> String {
    if let target { return "\(target) of \(receipt.name) \(receipt.changed ? "goes on" : "was not paused")" }
    return receipt.changed
      ? "\(receipt.name) goes on from \(receipt.cursor)"
      : "\(receipt.name) was not paused: it is \(receipt.state), at \(receipt.cursor)"
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

  static func beforeForgetting(_ destination: StatusReport.Outbox) -> String? {
    let isRemoved = destination.state == "removed"
    guard isRemoved || destination.queued > 0 || destination.failed > 0 else { return nil }
    let letters = counted(destination.failed, "dead letter")
    return isRemoved
      ? """
      No script declares \(destination.destination). Forgetting it drops \(counted(Int(destination.pending), "message")) \
      still to be delivered and \(letters): they never leave. A destination of this name will begin as a new one.
      """
      : """
      \(counted(destination.queued, "message")) in blocked keys and \(letters) of \(destination.destination) will be \
      dropped: they are never delivered. It keeps its place in the log, \(destination.cursor), and goes on from there.
      """
  }

  static func forgotten(_ receipt: some VerbReceipt) -> String {
    guard receipt.changed else { return "nothing waited for \(receipt.name)" }
    let dropped = Self.dropped(receipt) ?? "nothing"
    return receipt.state == "forgotten"
      ? "\(receipt.name) is forgotten; dropped: \(dropped)"
      : "dropped: \(dropped); \(receipt.name) goes on from \(receipt.cursor)"
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

  private static func dropped(_ receipt: some VerbReceipt) -> String? {
    guard receipt.droppedUnits > 0 || receipt.droppedDeadLetters > 0 else { return nil }
    return """
      \(counted(receipt.droppedUnits, receipt.unit)) in blocked keys, \(counted(receipt.droppedDeadLetters, "dead letter"))
      """
  }
}

/// What verbs answer, whatever it is that they were for.
protocol VerbReceipt {
  var name: String { get }
  var state: String { get }
  var cursor: UInt64 { get }
  var changed: Bool { get }
  var droppedUnits: Int { get }
  var droppedDeadLetters: Int { get }
  /// What it takes.
  var unit: String { get }
}

extension ConsumerReceipt: VerbReceipt {
  var name: String { consumer }
  var droppedUnits: Int { droppedEvents }
  var unit: String { "event" }
}

extension DestinationReceipt: VerbReceipt {
  var name: String { destination }
  var droppedUnits: Int { droppedMessages }
  var unit: String { "message" }
}
