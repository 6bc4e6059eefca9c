import Events
import Scripts
import Views
import VirtualPlatform

/// One test played once, under one schedule.
struct Performance {
  /// What scripts made, in the order of the log, said so that it can be compared with another schedule's.
  struct Effect {
    var origin: String
    var type: String
    var subject: String
    var data: JSONValue
    /// The same with the positions of its causes replaced by what they are in every schedule: an event that names its
    /// causes by position names the same events.
    var dataByOrigin: JSONValue
    /// The event that led to it.
    var cause: String

    func isLike(_ other: Effect) -> Bool {
      type == other.type && subject == other.subject && (data == other.data || dataByOrigin == other.dataByOrigin)
    }
  }

  private let host: RehearsalHost
  private let test: ScriptTest
  /// What has been seen by the step before the first `when`: it is not looked at.
  private var seen: Set<UInt64> = []
  /// What an `expect` has found, so that two of them want two events.
  private var found: Set<UInt64> = []
  private var expectedFailures: Set<Int> = []
  private var expectedRejections: Set<UInt64> = []

  private(set) var problem: TestResult.Problem?
  private(set) var effects: [Effect] = []

  init(_ test: ScriptTest, of scripts: Generation, _ schedule: Schedule) throws {
    self.test = test
    // A day on which nothing special happens: 2026-01-05 09:00:00 UTC.
    host = try RehearsalHost(scripts, schedule, clock: ManualClock(wall: 1_767_603_600_000_000))
    try host.settle()
  }

  /// Plays until the first step that does not hold.
  mutating func play() throws {
    var waiting: [(ScriptTest.Fact, Bool)] = []
    for (index, step) in test.steps.enumerated() {
      if let arriving = step.action.arriving {
        waiting.append(arriving)
        let next = test.steps.dropFirst(index + 1).first?.action
        if host.schedule == .batch, next?.arriving != nil { continue }
        try host.take(waiting)
        waiting = []
        continue
      }
      do throws(Mismatch) {
        try take(step.action)
      } catch {
        problem = TestResult.Problem(
          file: step.file, line: step.line, schedule: host.schedule, what: error.what, details: error.details)
        return
      }
    }
    if let failure = host.failures.enumerated().first(where: { !expectedFailures.contains($0.offset) })?.element {
      problem = TestResult.Problem(
        file: test.file, line: test.line, schedule: host.schedule,
        what: "\(failure.consumer) fails: \(failure.message)",
        details: [#"if it is meant to, say t:fails("…") with a part of the message"#])
      return
    }
    effects = try self.allEffects()
  }

  private struct Mismatch: Error {
    var what: String
    var details: [String] = []

    init(_ what: String, _ details: [String] = []) {
      self.what = what
      self.details = details
    }
  }

  private mutating func take(_ action: ScriptTest.Action) throws(Mismatch) {
    do {
      switch action {
      case .when, .send: break
      case .given(let fact):
        try host.take([(fact, false)])
        seen.formUnion(try events().map(\.position))
      case .advance(let span): try host.advance(microseconds: span)
      case .at(let time):
        guard time >= host.now else { throw Mismatch("the clock is past that time already: time goes on only") }
        try host.advance(microseconds: time - host.now)
      case .expect(let pattern): try expect(pattern)
      case .never(let pattern):
        if let event = try made(like: pattern).first {
          throw Mismatch("there is a \(Self.shown(event))", try causes(of: event))
        }
      case .rejects(let text): try expectRejection(text)
      case .fails(let text): try expectFailure(text)
      case .view(let name, let key, let document): try expectDocument(name, key, document)
      case .published(let pattern): try expectMessage(pattern)
      case .answer(let destination, let answers): try answer(destination, answers)
      }
    } catch let mismatch as Mismatch {
      throw mismatch
    } catch {
      throw Mismatch("\(error)")
    }
  }

  // MARK: looking

  private func events() throws -> [Origins.Event] { try host.origins.all() }

  /// What scripts have made since the first `when`.
  private func made() throws -> [Origins.Event] {
    try events().filter { !$0.isFromOutside && $0.isEvent && !seen.contains($0.position) }
  }

  private func made(like pattern: ScriptTest.Pattern) throws -> [Origins.Event] {
    let wanted = pattern.data.map { JSONValue($0) }
    return try made().filter { event in
      event.type == pattern.type && (pattern.subject == nil || pattern.subject == event.subject)
        && (wanted.map { JSONValue(event.data).missing(of: $0).isEmpty } ?? true)
    }
  }

  private mutating func expect(_ pattern: ScriptTest.Pattern) throws {
    if let event = try made(like: pattern).first(where: { !found.contains($0.position) }) {
      found.insert(event.position)
      return
    }
    let subject = pattern.subject.map { " on \($0)" } ?? ""
    let all = try made()
    let near = all.filter { $0.type == pattern.type && !found.contains($0.position) }
    if let data = pattern.data,
      let close = near.first(where: { pattern.subject == nil || $0.subject == pattern.subject })
    {
      throw Mismatch(
        "no \(pattern.type)\(subject) is as expected", JSONValue(close.data).missing(of: JSONValue(data)))
    }
    var lines = all.isEmpty ? ["the scripts have made nothing"] : ["made:"]
    let pending = host.pendingTimers
    if let timer = try events().first(where: { $0.type == pattern.type && pending[$0.position] != nil }) {
      let wait = (pending[timer.position, default: 0] - host.now + 999_999) / 1_000_000
      lines.insert("a timer will emit it: t:advance(\"\(max(wait, 0))s\") goes there", at: 0)
    }
    lines += all.prefix(20).map { "  " + Self.shown($0) } + host.origins.rejections.map(Self.shown)
    throw Mismatch("there is no \(pattern.type)\(subject)", lines)
  }

  // MARK: messages

  private func checkDestination(_ name: String) throws {
    let names = host.scripts.consumers.filter { $0.destination != nil }.map(\.name)
    if names.contains(name) { return }
    let near = NearestName.of(name, among: names).map { "did you mean \"\($0)\"?" }
    throw Mismatch(
      "there is no destination \"\(name)\"",
      [near ?? (names.isEmpty ? "the scripts have none" : "there are: \(names.joined(separator: ", "))")])
  }

  private func answer(_ destination: String, _ answers: [ScriptTest.Answer]) throws {
    try checkDestination(destination)
    host.answers[destination] = answers
  }

  private mutating func expectMessage(_ pattern: ScriptTest.Pattern) throws {
    try checkDestination(pattern.type)
    let all = try events().filter { $0.kind == .message && $0.type == pattern.type && !seen.contains($0.position) }
    let like = all.first { message in
      !found.contains(message.position) && (pattern.subject == nil || pattern.subject == message.subject)
        && (pattern.data.map { JSONValue(message.data).missing(of: JSONValue($0)).isEmpty } ?? true)
    }
    if let like {
      found.insert(like.position)
      return
    }
    let key = pattern.subject.map { " with the key \($0)" } ?? ""
    throw Mismatch(
      "no message to \(pattern.type)\(key) is as expected",
      all.isEmpty ? ["nothing was published to it"] : ["published:"] + all.prefix(20).map { "  " + Self.shown($0) })
  }

  private mutating func expectFailure(_ text: String) throws {
    let all = host.failures.enumerated().filter { !expectedFailures.contains($0.offset) }
    let like = all.filter { $0.element.message.contains(text) }
    if like.isEmpty {
      let lines = all.map { "\($0.element.consumer) fails: \($0.element.message)" }
      throw Mismatch("no handler fails with \"\(text)\"", lines.isEmpty ? ["no handler fails"] : lines)
    }
    expectedFailures.formUnion(like.map(\.offset))
  }

  private mutating func expectRejection(_ text: String) throws {
    _ = try events()
    let all = host.origins.rejections.filter { !expectedRejections.contains($0.position) }
    guard let found = all.first(where: { text.isEmpty || $0.reason.contains(text) }) else {
      throw Mismatch(
        "no command is rejected with \"\(text)\"", all.isEmpty ? ["none is rejected"] : all.map(Self.shown))
    }
    expectedRejections.insert(found.position)
  }

  private func expectDocument(_ name: String, _ key: String, _ document: [UInt8]?) throws {
    guard host.scripts.projections.contains(where: { $0.name == name }) else {
      let names = host.scripts.projections.map(\.name)
      let near = NearestName.of(name, among: names).map { "did you mean \"\($0)\"?" }
      throw Mismatch(
        "there is no projection \"\(name)\"",
        [near ?? (names.isEmpty ? "the scripts have none" : "there are: \(names.joined(separator: ", "))")])
    }
    let found = try ViewDocument.rehearsed(
      name, key: key, by: host.scripts, log: host.log, identity: host.identity, at: host.position)
    if let frozen = found?.frozen {
      throw Mismatch("the document \(key) of \(name) is frozen since event \(frozen.position): \(frozen.error)")
    }
    guard let document else {
      if let found { throw Mismatch("\(name) has a document \(key): \(JSONValue(found.document))") }
      return
    }
    guard let found else { throw Mismatch("\(name) has no document \(key)") }
    let missing = JSONValue(found.document).missing(of: JSONValue(document))
    if !missing.isEmpty { throw Mismatch("the document \(key) of \(name) is not as expected", missing) }
  }

  private func causes(of event: Origins.Event) throws -> [String] {
    let all = try events()
    return event.causes.compactMap { cause in all.first { $0.position == cause }.map { "because of \(Self.shown($0))" }
    }
  }

  private static func shown(_ rejection: Origins.Rejection) -> String {
    "\(rejection.command) is rejected: \(rejection.reason)"
  }

  private static func shown(_ event: Origins.Event) -> String {
    "\(event.type)\(event.subject.isEmpty ? "" : " on \(event.subject)") \(JSONValue(event.data))"
  }

  private func allEffects() throws -> [Effect] {
    let all = try events()
    let byPosition = Dictionary(uniqueKeysWithValues: all.map { ($0.position, $0) })
    return all.filter { !$0.isFromOutside }.map { event in
      let names = Dictionary(
        event.causes.compactMap { cause in byPosition[cause].map { ("\(cause)", "event \($0.origin)") } },
        uniquingKeysWith: { first, _ in first })
      return Effect(
        origin: event.origin, type: event.isEvent ? event.type : "\(event.kind) \(event.type)", subject: event.subject,
        data: JSONValue(event.data), dataByOrigin: JSONValue(event.data).replacing { names[$0] },
        cause: event.causes.first.flatMap { byPosition[$0] }.map(Self.shown) ?? "")
    }
  }
}

extension ScriptTest.Action {
  /// What comes from outside.
  fileprivate var arriving: (fact: ScriptTest.Fact, isCommand: Bool)? {
    switch self {
    case .when(let fact): (fact, false)
    case .send(let fact): (fact, true)
    default: nil
    }
  }
}
