package import Events

/// What an operator may ask of a running instance of a process. It reaches it as an event of the host's, so that it is in its
/// history and in its turn.
package enum ProcessVerb: String, Sendable, CaseIterable {
  /// It rolls back as soon as it waits for no answer.
  case cancel
  /// It ends where it is, without rolling back.
  case end
  /// It is tried on the newest scripts now.
  case move

  /// What an event asks for; nil: nothing that this version knows.
  init?(_ entry: EntryView) {
    guard let data = try? JSONObject(entry.data), case .string(let verb)? = data["verb"] else { return nil }
    self.init(rawValue: verb)
  }

  /// Why an instance is to end.
  static func reason(_ entry: EntryView) -> String {
    guard let data = try? JSONObject(entry.data), case .string(let by)? = data["by"] else { return "cancelled" }
    return "cancelled by \(by)"
  }

  /// Adds the event. `subject`: of the event that started the instance. `by`: who asks.
  package static func add(
    _ verb: ProcessVerb, to key: KeyBytes, process: String, reader: UInt32, subject: UnsafeRawBufferPointer, by: String,
    in batch: EntryBatch
  ) {
    var data = JSONObjectWriter()
    data.member("verb", verb.rawValue)
    data.member("process", process)
    data.member("key", key.description)
    data.member("by", by)
    batch.begin(
      kind: .event, type: HostEvent.process.bytes, subject: subject, data: data.finish(), encoding: .json)
    let address = ReplyAddress(reader: reader, key: key.bytes)
    address.bytes.withUnsafeBytes { batch.addAttribute(.reply, $0) }
    batch.end()
  }
}
