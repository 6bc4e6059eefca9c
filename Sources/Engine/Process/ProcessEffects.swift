package import Events
package import LogStorage

/// What a step of an instance did, compared and told.
package enum ProcessEffects {
  /// Of what the script decided about each of the entries: not of the version of the contract that it was checked by.
  static func digest(of effects: EntryBatch, from first: Int, hash: StableHash) -> UInt64 {
    var digest: UInt64 = 0
    for index in first..<effects.count { digest = self.digest(digest, effects.entry(index), hash) }
    return digest
  }

  static func digest(_ before: UInt64, _ entry: EntryView, _ hash: StableHash) -> UInt64 {
    var writer = ByteWriter(capacity: entry.length)
    writer.append(before)
    writer.append(entry.rawKind)
    writer.append(entry.cause)
    for part in [entry.type, entry.subject, entry.data, entry.attributes.bytes] {
      writer.append(UInt32(part.count))
      writer.append(part)
    }
    return hash(writer.bytes)
  }

  /// The next link of a history's digest.
  static func link(_ before: UInt64, _ step: ProcessStep, _ hash: StableHash) -> UInt64 {
    var writer = ByteWriter(capacity: 48)
    writer.append(before)
    writer.append(step.kind.rawValue)
    writer.append(step.position)
    writer.append(UInt64(bitPattern: step.now))
    writer.append(step.effects)
    writer.append(step.digest)
    return hash(writer.bytes)
  }

  /// For people: what a script writes to make it.
  static func text(_ entry: EntryView) -> String {
    switch RecordKind(rawValue: entry.rawKind) {
    case .command: "command \(entry.type.text) to \(entry.subject.text)"
    case .message: "message to \(entry.type.text)"
    case .timer: "timer \(entry.type.text)"
    default: "event \(entry.type.text)"
    }
  }

  static func text(_ entries: [String]) -> String { entries.isEmpty ? "nothing" : entries.joined(separator: ", ") }

  /// Calls `body` with the effects of a step, in order, as the log has them; with none when the commit that it names does
  /// not hold them. The views are good during the call only. `cause`: what the step was resumed with. Blocks on the disk.
  package static func forEach(
    of step: ProcessStep, cause: UInt64, in log: LogReader, _ body: (Position, EntryView) -> Void
  ) throws {
    guard step.effects > 0, step.commit > 0 else { return }
    try log.replay(fromCommit: step.commit) { commit in
      guard commit.number == step.commit else { return false }
      var entries: [(position: UInt64, entry: EntryView)] = []
      var position = commit.firstPosition.rawValue
      for record in commit.records where RecordKind.takesPosition(record.rawKind) {
        if (1...4).contains(record.rawKind) {
          let entry = EntryView(record.whole.baseAddress!)
          if entry.cause == cause { entries.append((position, entry)) }
        }
        position += 1
      }
      // Several instances may have been woken by one event: those of this one have its digest.
      let count = Int(step.effects)
      for first in 0..<max(0, entries.count - count + 1) {
        let effects = entries[first..<first + count]
        if effects.reduce(0, { digest($0, $1.entry, log.identity.hash) }) == step.digest {
          for effect in effects { body(Position(effect.position), effect.entry) }
          break
        }
      }
      return false
    }
  }
}
