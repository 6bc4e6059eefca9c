/// What the worker pool knows and the engine does not: it counts on while nothing comes back.
extension HostStatus {
  /// `calls`: the oldest first.
  mutating func name(_ calls: [WorkerTable.StuckCall]) {
    guard !calls.isEmpty else { return }
    let lost = calls.count(where: \.isGivenUp)
    for index in readers.indices {
      let own = calls.filter { $0.reader == readers[index].number }
      guard let oldest = own.first else { continue }
      // Of a call that was given up the engine knows, and whether it still says something about the script.
      if !oldest.isGivenUp, ["running", "behind", "full"].contains(readers[index].state) {
        readers[index].state = "stuck"
      }
      let notes = [Self.note(on: oldest, others: own.count - 1, lost: lost), readers[index].note].compactMap { $0 }
      readers[index].note = notes.joined(separator: "; ")
    }
  }

  private static func note(on call: WorkerTable.StuckCall, others: Int, lost: Int) -> String {
    var text = "the call of \(call.script) for the event at \(call.position) has not come back for \(call.seconds) s"
    if others > 0 { text += ", nor have \(others) others" }
    guard lost > 0 else { return text }
    if call.isGivenUp { text += ", and was given up" }
    return text + " (\(lost) worker \(lost == 1 ? "thread is" : "threads are") lost until the calls come back)"
  }
}
