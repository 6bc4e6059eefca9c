import Events

/// The host's own events: what happened to the handling of another one. On that one's subject, caused by it.
enum HostEvent {
  /// A unit was given up.
  case letter
  /// An operator resolved a dead letter.
  case letterResolved
  /// A command that a script sent was rejected.
  case rejected
  /// A command that an instance of a process asked for has an outcome.
  case decided

  var type: StaticString {
    switch self {
    case .letter: "moondance.dead-letter"
    case .letterResolved: "moondance.dead-letter.resolved"
    case .rejected: "moondance.rejected"
    case .decided: "moondance.decided"
    }
  }

  /// The answer to the request of an instance of a process; `EntryBatch.addReply` makes it.
  static let answered: StaticString = "moondance.answered"
  /// What an operator asks of an instance of a process; `ProcessVerb` makes it.
  static let process: StaticString = "moondance.process"
}

extension EntryBatch {
  /// Adds an event about the one at `position`; none about the host's own. `write` writes the members of its data.
  /// `subject`: that of the cause, unless another is given. `reply`: the instance of a process that it is for.
  func addHostEvent(
    _ event: HostEvent, cause: EntryView, at position: UInt64, subject: UnsafeRawBufferPointer? = nil,
    reply: UnsafeRawBufferPointer? = nil,
    _ write: (inout JSONObjectWriter) -> Void
  ) {
    if cause.isHostEvent { return }
    var data = JSONObjectWriter()
    write(&data)
    begin(
      kind: .event, type: event.type.bytes, subject: subject ?? cause.subject, data: data.finish(), encoding: .json,
      cause: position,
      root: cause.rootHere(at: position), depth: min(cause.depth + 1, EntryView.maximumDepth))
    inheritAttributes(of: cause)
    if let reply { addAttribute(.reply, reply) }
    end()
  }
}

/// A JSON object of a few members.
struct JSONObjectWriter: ~Copyable {
  private var writer = ByteWriter(capacity: 256)

  mutating func member(_ name: StaticString, _ text: String) {
    begin(name)
    var text = text
    text.withUTF8 { writer.appendJSON(string: UnsafeRawBufferPointer($0)) }
  }

  mutating func member(_ name: StaticString, _ number: UInt64) {
    begin(name)
    writer.append(String(number))
  }

  private mutating func begin(_ name: StaticString) {
    writer.append(UInt8(ascii: writer.count == 0 ? "{" : ","))
    writer.append(UInt8(ascii: "\""))
    writer.append(name)
    writer.append("\":" as StaticString)
  }

  /// Valid until the writer is gone or written to.
  mutating func finish() -> UnsafeRawBufferPointer {
    if writer.count == 0 { writer.append(UInt8(ascii: "{")) }
    writer.append(UInt8(ascii: "}"))
    return writer.bytes
  }
}
