import Engine
import Events
import LogStorage

/// Where each event of a log comes from, said so that it is the same under every schedule: the how manyth from outside,
/// which effect of which reader on which other event, what a timer has become, or which run of a schedule.
///
/// `@unchecked Sendable`: a rehearsal has one thread.
final class Origins: @unchecked Sendable {
  struct Event {
    var position: UInt64
    var origin: String
    var type: String
    var subject: String
    var data: [UInt8]
    /// The events that led to it, the nearest first.
    var causes: [UInt64]
    var kind: RecordKind

    var isEvent: Bool { kind == .event }
    var isFromOutside: Bool { !origin.contains("/") }
  }

  /// A command that was rejected.
  struct Rejection {
    var position: UInt64
    var command: String
    var reason: String
  }

  private let log: LogReader
  private(set) var rejections: [Rejection] = []
  /// In the order of the log, and where each stands here.
  private var events: [Event] = []
  private var places: [UInt64: Int] = [:]
  private var commit: UInt64 = 0
  private var outside = 0
  private var counts: [String: Int] = [:]

  init(log: LogReader) { self.log = log }

  /// Every event and command that scripts see, every message and every timer, in the order of the log.
  func all() throws -> [Event] {
    try catchUp()
    return events
  }

  private func event(_ position: UInt64) -> Event? { places[position].map { events[$0] } }

  /// A number for the event at a position that is the same under every schedule.
  func chance(of position: UInt64) -> UInt64 {
    // What cannot be read is said by whoever reads it for its own sake.
    try? catchUp()
    return event(position).map { log.identity.hash($0.origin) } ?? position
  }

  private func catchUp() throws {
    try log.replay(fromCommit: commit + 1) { header in
      var position = header.firstPosition.rawValue
      for record in header.records where record.takesPosition {
        if let kind = record.kind, [.event, .command, .message, .timer].contains(kind) {
          note(record.entry, position, by: header.producer, kind)
        }
        position += 1
      }
      for record in header.records where record.kind == .outcome {
        note(OutcomeRecord(FieldReader(record: record.whole)))
      }
      commit = header.number
      return true
    }
  }

  private func note(_ outcome: OutcomeRecord?) {
    guard let outcome, outcome.result == .rejected, let position = outcome.commands.first else { return }
    rejections.append(
      Rejection(
        position: position, command: event(position)?.type ?? "a command", reason: outcome.reason ?? ""))
  }

  private func note(_ entry: EntryView, _ position: UInt64, by producer: Producer, _ kind: RecordKind) {
    let origin: String
    if let reader = producer.reader, let cause = event(entry.cause) {
      let from = "\(cause.origin)/\(reader)"
      let count = counts[from, default: 0]
      counts[from] = count + 1
      origin = "\(from).\(count)"
    } else if producer == .clock, let timer = event(entry.cause) {
      origin = "\(timer.origin)/due"
    } else if producer == .clock, entry.cause == 0 {
      origin = "schedule/\(entry.type.text) \(entry.subject.text) \(entry.attributes[.time]?.text ?? "")"
    } else if NameRule.isHostType(entry.type) {
      return
    } else {
      outside += 1
      origin = "\(outside)"
    }
    let causes = entry.cause == 0 ? [] : [entry.cause] + (event(entry.cause)?.causes ?? [])
    places[position] = events.count
    events.append(
      Event(
        position: position, origin: origin, type: entry.type.text, subject: entry.subject.text,
        data: Array(entry.data), causes: causes, kind: kind))
  }
}
