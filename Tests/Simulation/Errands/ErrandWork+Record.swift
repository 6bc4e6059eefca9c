import Engine

/// Whether the records of a commit say what its instances are.
extension ErrandWork {
  func finish(_ errands: ErrandsModel, _ place: String) throws(Violation) {
    for (key, rest) in effects where !rest.isEmpty {
      throw Violation(
        .allOrNothing, "\(place): \(rest[0]) is no effect of any step of \(key), which is \(errands.live[key] as Any)")
    }
    for key in changed where records[key] == nil && errands.live[key] != nil {
      throw Violation(.foldOfTheLog, "\(place) does not say that \(key) has changed: \(errands.live[key]!)")
    }
    for (key, record) in records {
      guard let instance = errands.live[key] else {
        try expect(record.life == .ended, .foldOfTheLog, "\(place): \(key) has ended, and goes on: \(record)")
        continue
      }
      try expect(
        agrees(instance, key), .foldOfTheLog,
        "\(place): \(key) is said to be \(record.state.flatMap { ProcessInstance($0) } as Any), and is \(instance)")
    }
  }

  /// Whether the record of the key says what is so.
  func agrees(_ instance: ErrandInstance, _ key: WorkKey) -> Bool {
    guard let record = records[key] else { return effects[key]?.isEmpty ?? true }
    guard record.life == .open, let said = record.state.flatMap({ ProcessInstance($0) }) else { return false }
    return said.generation == instance.generation && record.generation == instance.generation
      && said.missed == instance.missed
      && Set(said.listens.joined().map { String(decoding: $0, as: UTF8.self) }) == instance.bells
      && said.start == instance.start.position && said.stepCount == instance.steps.count
      && Int(said.earlierSteps) == instance.earlierSteps && said.wait.deadline == instance.deadline
      && record.deadline == (instance.missed.isEmpty ? instance.deadline : 1)
      && said.wait.since == instance.since && saysWait(said.wait, instance)
      && said.mailbox.map(\.position) == instance.mailbox.map(\.position) && said.isRollingBack == instance.isTold
      && Int(said.ignoredStarts) == instance.ignoredStarts && said.compensations.count == instance.course.undo.count
      && said.stays?.generation == instance.stays?.generation && said.stays.map { Int($0.step) } == instance.stays?.step
  }

  private func saysWait(_ wait: ProcessInstance.Wait, _ instance: ErrandInstance) -> Bool {
    switch instance.course.wait {
    case .outcome: wait.kind == .outcome && Int(wait.asker) == instance.asker
    case .events(let types, let all, _): wait.kind == .events && wait.types == types && wait.all == all
    case .sleep: wait.kind == .sleep
    case .ended, .restarted: false
    }
  }
}
