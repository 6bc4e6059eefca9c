import Events

/// What the host tells of how a command from a script ended.
extension EntryBatch {
  /// On the subject of what the script was handling: to an instance of a process that waits for the outcome all of it, to
  /// others that it was refused.
  func addAnswer(to command: EntryView, at position: UInt64, _ outcome: OutcomeRecord) {
    if command.attributesLength == 0 { return }
    if command.attributes[.request] != nil {
      addDecision(of: command, at: position, outcome)
    } else if outcome.result != .accepted {
      addRejection(of: command, at: position, outcome.reason ?? "")
    }
  }

  private func addRejection(of command: EntryView, at position: UInt64, _ reason: String) {
    guard let sender = command.attributes[.sender] else { return }
    addHostEvent(.rejected, cause: command, at: position, subject: sender) { data in
      data.member("command", command.type.text)
      data.member("to", command.subject.text)
      data.member("position", position)
      data.member("reason", reason)
    }
  }

  private func addDecision(of command: EntryView, at position: UInt64, _ outcome: OutcomeRecord) {
    guard let reply = command.attributes[.reply] else { return }
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    let sender = command.attributes[.sender] ?? none
    addHostEvent(.decided, cause: command, at: position, subject: sender, reply: reply) { data in
      data.member("command", command.type.text)
      data.member("to", command.subject.text)
      data.member("position", position)
      data.member("result", outcome.result.description)
      if let reason = outcome.reason { data.member("reason", reason) }
      if outcome.effects.count > 0 {
        data.member("first", outcome.effects.first)
        data.member("count", UInt64(outcome.effects.count))
      }
    }
  }
}
