internal import Events
internal import Scripts
internal import Wire

/// Holds decoded events against the contracts of the running generation.
struct ContractCheck: Sendable {
  let contracts: ContractSet

  /// Checks the entries from `index` on, and notes in each the version of its contract. Nil: all may come in.
  func problem(of batch: EntryBatch, from index: Int = 0, _ form: EventForm) -> Problem? {
    do throws(ContractSet.Refusal) {
      try contracts.check(batch, from: index)
      return nil
    } catch {
      var detail = "The contract of \(error.type) is broken: \(error.violation)"
      if form == .batch { detail += ", in event \(error.index) of the batch (counted from 0)" }
      var problem = Problem(.contractBroken, detail + ".")
      problem.path = error.violation.path
      if form == .batch { problem.index = error.index }
      return problem
    }
  }
}
