import Engine
import TestKit

extension Errand {
  /// The type of an event that instances hear by the subjects that their starts name.
  static let bell = "Bell"

  /// Where the start of an instance names whose bells it hears. Scripts differ in it, so that an instance that moves to others
  /// listens elsewhere from then on.
  enum BellPath: String {
    case group = "data.g"
    case keys = "data.keys"
    case subject

    static func ofVersion(_ version: Int) -> BellPath { [.group, .keys, .subject, .group][version - 1] }

    /// What `hears` has of it.
    var entry: String { ", \(bell) = \"\(rawValue)\"" }

    func subjects(of start: LogEvent) -> Set<String> {
      let names =
        switch self {
        case .group: [start.content.group ?? ""]
        case .keys: start.content.keys
        case .subject: [start.subject]
        }
      return Set(names).subtracting([""])
    }
  }
}

extension ErrandInstance {
  /// The subjects whose bells it hears, by the scripts that it is on.
  var bells: Set<String> { course.variant.bells?.subjects(of: start) ?? [] }
}

/// For whom a bell is.
extension Oracle {
  /// The instances that listen to its subject, as the log has left them when it is handed out.
  func listeners(of bell: LogEvent) -> [WorkKey] {
    errands.live.filter { $0.value.bells.contains(bell.subject) }.map(\.key)
  }

  /// Whether the process hears an event at all: a bell is for nobody where nobody listens.
  func isHeard(_ event: LogEvent, by reader: ReaderModel) -> Bool {
    guard reader.behaviour.hears(event.type) else { return false }
    return reader.behaviour.errand == nil || event.type != Errand.bell || !listeners(of: event).isEmpty
  }
}

/// Bells from outside.
extension Simulator {
  /// Few, so that each has several listeners; keys of instances, so that a bell that went by its key would be found.
  private func bellSubject() -> String { "e\(seed.below(4))" }

  func bellItem(_ content: Content) -> Ledger.Item {
    var subject = bellSubject()
    let starts = oracle.errands.waiting.values.joined().sorted().compactMap { oracle.event($0) }
    let named = starts.filter { $0.type == "Errand" }.flatMap { start in
      start.content.keys + [start.content.group ?? "", start.subject]
    }.filter { !$0.isEmpty }
    // One that somebody misses who begins late, now and then at the very time when it rings: best one that is for nobody else.
    let others = oracle.errands.live.values.reduce(into: Set<String>()) { $0.formUnion($1.bells) }
    let missed = named.allSatisfy(others.contains) ? named : named.filter { !others.contains($0) }
    if !missed.isEmpty, seed.oneIn(2) {
      subject = missed[seed.below(missed.count)]
      if seed.oneIn(2) { advanceToDue() }
    }
    return Ledger.Item(
      number: content.number, type: Errand.bell, subject: subject, data: content.json,
      id: seed.oneIn(2) ? "id-\(content.number)" : nil)
  }

  /// Lets a start name whose bells its instance hears. Some fail for a while first, and begin late.
  func addBells(to content: inout Content) {
    if !seed.oneIn(4) { content.group = seed.oneIn(8) ? "" : bellSubject() }
    content.keys = (0..<seed.below(4)).map { _ in bellSubject() }
    if seed.oneIn(4) { content.words.insert(till().text, at: 0) }
  }
}
