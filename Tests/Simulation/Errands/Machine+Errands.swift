import Engine
import Events
import LogStorage
import TestKit

/// The bugs of instances.
extension Machine {
  /// The answer to a question takes the place of the answer to the one after it.
  func giveOldAnswers(in batch: Batch) {
    for index in batch.units.indices {
      guard let entry = batch.units[index].entry, entry.type.text == "moondance.decided",
        let address = entry.replyAddress, let key = address.key
      else { continue }
      let name = KeyBytes("\(address.start) \(String(decoding: key, as: UTF8.self))")
      let old = answers.updateValue(entry.data.text, forKey: name)
      guard let old, old != entry.data.text, let hash = opened?.hash else { continue }
      let given = EntryBatch(hash: hash)
      old.withBytes { data in
        given.begin(
          kind: .event, type: entry.type, subject: entry.subject, data: data, encoding: .json, cause: entry.cause,
          root: entry.root, depth: entry.depth)
      }
      address.bytes.withUnsafeBytes { given.addAttribute(.reply, $0) }
      given.end()
      answersGiven.append(given)
      batch.units[index].entry = given.entry(0)
    }
  }

  /// What workers tell of instances.
  func spoilInstances(_ shard: Shard, of batch: Batch) {
    for index in shard.stateChanges.indices {
      var state = shard.stateChanges[index].state
      guard var instance = state.json.flatMap({ ProcessInstance($0) }) else { continue }
      switch bug {
      case .lostMail where !instance.mailbox.isEmpty: instance.mailbox.removeLast()
      case .lostBell where !instance.missed.isEmpty: instance.missed.removeLast()
      case .earlyDeadline where openings > 1: state.deadline = state.deadline.map { $0 - 10_000 }
      case .forcedMove where instance.stays?.generation == batch.generation.number:
        (instance.generation, instance.stays) = (batch.generation.number, nil)
        state.generation = batch.generation.number
      case .lostStep where instance.steps.count >= ProcessInstance.blockSteps: instance.steps.removeLast()
      default: continue
      }
      state.json = instance.bytes
      shard.stateChanges[index].state = state
      if !shard.stateChanges[(index + 1)...].contains(where: { $0.state.key == state.key }) {
        shard.states[state.key] = state
      }
    }
  }
}
