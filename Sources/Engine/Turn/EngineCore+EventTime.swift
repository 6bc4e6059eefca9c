import Events
import LogStorage

/// `run --clock events`: commit times come from the events of an imported history, so a commit holds events of one time.
extension EngineCore {
  func frameByEventTime(_ job: AppendJob, duplicates: [Int: UInt64], _ isOpen: inout Bool) {
    let batch = job.batch
    // A single request is all or nothing, so it stays one commit; a stream's chunk may be split by time.
    let mayBeSplit = job.stream != nil
    var index = 0
    while index < batch.count {
      let time = max(eventClock, eventTime(of: batch.entry(index)))
      var end = index + 1
      var latest = time
      while end < batch.count {
        let next = eventTime(of: batch.entry(end))
        if mayBeSplit, next > latest { break }
        latest = max(latest, next)
        end += 1
      }
      if (index..<end).contains(where: { duplicates[$0] == nil }) {
        if isOpen { framer.endCommit() }
        eventClock = latest
        beginDoorCommit(time: latest)
        isOpen = true
        appendNew(of: batch, index..<end, duplicates)
      }
      index = end
    }
  }

  /// The event's own time in µs; 0 when it has none.
  private func eventTime(of entry: EntryView) -> Int64 {
    guard let text = entry.attributes[.time] else { return 0 }
    return Timestamp.microseconds(text) ?? 0
  }
}
