import Events
import Foundation
import LuaRuntime
import TestKit
import Testing

@testable import Scripts

/// An entry with memory of its own.
final class TestEvent {
  let batch = EntryBatch(hash: StableHash(seed: 7))
  var view: EntryView { batch.entry(0) }

  init(
    _ type: String, _ subject: String = "", data: String? = nil, encoding: DataEncoding? = nil,
    attributes: [(AttributeName, String)] = [], extensions: [(String, String, AttributeType)] = [],
    cause: UInt64 = 0, root: UInt64 = 0, depth: UInt16 = 0, kind: RecordKind = .event,
    more: (EntryBatch) -> Void = { _ in }
  ) {
    let data = data.map { Array($0.utf8) }
    Array(type.utf8).withUnsafeBytes { type in
      Array(subject.utf8).withUnsafeBytes { subject in
        (data ?? []).withUnsafeBytes { bytes in
          batch.begin(
            kind: kind, type: type, subject: subject, data: bytes,
            encoding: encoding ?? (data == nil ? .none : .json), cause: cause, root: root, depth: depth)
        }
      }
    }
    for (name, value) in attributes { Array(value.utf8).withUnsafeBytes { batch.addAttribute(name, $0) } }
    for (name, value, type) in extensions {
      Array(name.utf8).withUnsafeBytes { name in
        Array(value.utf8).withUnsafeBytes { batch.addAttribute(named: name, $0, as: type) }
      }
    }
    more(batch)
    batch.end()
  }
}

/// What an event led to, as text.
struct Reaction: Equatable, CustomStringConvertible {
  var keys: [String] = []
  /// `TYPE SUBJECT DATA`.
  var emits: [String] = []
  /// Likewise, of commands.
  var sends: [String] = []
  /// Messages: destination, key, body.
  var publishes: [String] = []
  /// Timers: the wait in µs, `TYPE SUBJECT DATA`; and the ids of those that are cancelled.
  var sets: [Timer] = []
  var cancels: [String] = []
  var logs: [String] = []
  var failures: [String] = []
  /// Why a command was rejected.
  var rejections: [String] = []

  struct Timer: Equatable {
    var wait: Int64
    var event: String
  }

  var description: String {
    "keys \(keys) emits \(emits) sends \(sends) logs \(logs) failures \(failures) rejections \(rejections)"
  }
}

/// A generation with one worker, fed by hand.
final class Stage {
  let generation: Generation
  var worker: ScriptWorker
  private(set) var position: UInt64 = 0
  /// 2026-01-01T00:00:00Z.
  static let time: Int64 = 1_767_225_600_000_000
  var lastFailure: HandlerFailure?
  /// What consumers remember, by consumer and key.
  private var states: [Remembered: StateInput] = [:]
  /// What aggregates have made of the events, by aggregate and subject.
  var folded: [Remembered: [UInt8]] = [:]
  struct Remembered: Hashable {
    let consumer: Int
    let key: String
  }
  var lastEffects = EntryBatch(hash: StableHash(seed: 7))

  init(_ generation: Generation) throws {
    self.generation = generation
    worker = try Self.worker(of: generation)
  }

  convenience init(_ files: [(String, String)]) throws {
    // The backstop of a call is in real time.
    var limits = LuaLimits()
    limits.nanoseconds *= Slowness.factor
    try self.init(Generation.load(files.map { SourceFile(path: $0.0, text: $0.1) }, limits: limits).get())
  }

  convenience init(_ source: String) throws { try self.init([("script.lua", source)]) }

  static func worker(of generation: Generation) throws -> ScriptWorker {
    try generation.makeWorker(
      hash: StableHash(seed: 7), logName: "moondance:example", logID: (0x0123_4567_89AB_CDEF, 42))
  }

  /// Handles one event by every consumer that hears it, key by key.
  @discardableResult
  func handle(_ event: TestEvent, at given: UInt64? = nil, reader: UInt32 = 1) -> Reaction {
    position = given ?? position + 1
    if worker.isDead { worker = try! Self.worker(of: generation) }
    var reaction = Reaction()
    lastEffects = EntryBatch(hash: StableHash(seed: 7))
    for (number, consumer) in generation.consumers.enumerated() where consumer.aggregate != nil {
      fold(event.view, number, &reaction)
    }
    for (number, consumer) in generation.consumers.enumerated() where consumer.hearsEvents && consumer.process == nil {
      guard let handler = consumer.handler(forType: event.view.type) else { continue }
      for key in keys(of: number, consumer, event, &reaction) {
        reaction.keys.append(key)
        if let rule = consumer.rule {
          answer(number, rule, event, key: key, &reaction)
          continue
        }
        call(number, handler, event, key: key, reader: reader, &reaction)
      }
    }
    addEffects(to: &reaction)
    return reaction
  }

  /// A rule without a condition answers; what the others remember is the engine's to keep.
  private func answer(
    _ number: Int, _ rule: RuleDeclaration, _ event: TestEvent, key: String, _ reaction: inout Reaction
  ) {
    guard rule.shape == .each, let effect = rule.effect else { return }
    let place = Position(position)
    Array(key.utf8).withUnsafeBytes { key in
      switch worker.satisfies(
        consumer: number, event: event.view, position: place, recorded: Self.time, key: key)
      {
      case .yes: break
      case .no: return
      case .failed(let failure):
        reaction.failures.append(failure.message)
        return
      case .hostFault(let message):
        reaction.failures.append("host: \(message)")
        return
      }
      let heard = HeardEvent(event.view, place, recorded: Self.time)
      let outcome = worker.fire(
        consumer: number, RuleFiring(effect, heard: [heard], cause: heard), now: Self.time, key: key, readerNumber: 1,
        into: lastEffects)
      if case .failed(let failure) = outcome { reaction.failures.append(failure.message) }
    }
  }

  private func addEffects(to reaction: inout Reaction) {
    for index in 0..<lastEffects.count {
      let entry = lastEffects.entry(index)
      let text = "\(entry.type.text) \(entry.subject.text) \(entry.data.text)".trimmingCharacters(in: .whitespaces)
      if entry.rawKind == RecordKind.message.rawValue {
        reaction.publishes.append(text)
      } else if entry.rawKind == RecordKind.command.rawValue {
        reaction.sends.append(text)
      } else if entry.rawKind == RecordKind.timer.rawValue {
        if let due = entry.due {
          reaction.sets.append(Reaction.Timer(wait: due - Self.time, event: text))
        } else {
          reaction.cancels.append(entry.timerScope.id.map(\.text) ?? "")
        }
      } else {
        reaction.emits.append(text)
      }
    }
  }

  /// Lets the owner of a command decide it, and every aggregate fold what it emits.
  @discardableResult
  func decide(_ command: String, _ subject: String, _ data: String? = nil) -> Reaction {
    position += 1
    if worker.isDead { worker = try! Self.worker(of: generation) }
    let event = TestEvent(command, subject, data: data, kind: .command)
    var reaction = Reaction()
    lastEffects = EntryBatch(hash: StableHash(seed: 7))
    for (number, aggregate) in generation.consumers.enumerated() where aggregate.aggregate != nil {
      guard let handler = aggregate.handler(forType: event.view.type) else { continue }
      var state = folded[Remembered(consumer: number, key: subject)] ?? worker.initialState(of: number)
      let decision = worker.decide(
        aggregate: number, handler: handler, command: event.view, position: Position(position), recorded: Self.time,
        now: Self.time, readerNumber: 1, state: &state, into: lastEffects)
      switch decision {
      case .accepted(let log): reaction.logs += log.map { "\($0.level) \($0.text)" }
      case .rejected(let reason, let log):
        reaction.rejections.append(reason)
        reaction.logs += log.map { "\($0.level) \($0.text)" }
      case .failed(let failure):
        lastFailure = failure
        reaction.failures.append(failure.message)
      case .hostFault(let message): reaction.failures.append("host: \(message)")
      }
      folded[Remembered(consumer: number, key: subject)] = state
      for index in 0..<lastEffects.count where !lastEffects.entry(index).subject.equals(event.view.subject) {
        fold(lastEffects.entry(index), number, &reaction)
      }
    }
    addEffects(to: &reaction)
    return reaction
  }

  /// Gives a source a request with a body of JSON; what it makes of it is what the reaction emits.
  func receive(_ source: String, _ json: String?) -> Reaction {
    var reaction = Reaction()
    lastEffects = EntryBatch(hash: StableHash(seed: 7))
    guard let number = generation.sources.firstIndex(where: { $0.name == source }) else {
      reaction.failures.append("there is no source \(source)")
      return reaction
    }
    let request = IncomingRequest(
      path: "/in/\(source)", headers: [("content-type", "application/json")], body: Array((json ?? "").utf8))
    switch worker.receive(source: number, request, into: lastEffects) {
    case .events: addEffects(to: &reaction)
    case .malformed(let error): reaction.failures.append(error.message)
    case .failed(let failure): reaction.failures.append(failure.message)
    case .hostFault(let message): reaction.failures.append("host: \(message)")
    }
    return reaction
  }

  private func fold(_ event: EntryView, _ number: Int, _ reaction: inout Reaction) {
    guard let fold = generation.consumers[number].aggregate?.fold(forType: event.type), !event.subject.isEmpty else {
      return
    }
    let subject = Remembered(consumer: number, key: event.subject.text)
    let outcome = worker.apply(
      aggregate: number, fold, event, position: Position(position), recorded: Self.time,
      into: folded[subject] ?? worker.initialState(of: number))
    switch outcome {
    case .state(let state): folded[subject] = state
    case .failed(let failure):
      lastFailure = failure
      reaction.failures.append(failure.message)
    case .hostFault(let message): reaction.failures.append("host: \(message)")
    }
  }

  /// What an aggregate has made of a subject's events, as JSON.
  func state(_ subject: String, of aggregate: Int = 0) -> String {
    String(
      decoding: folded[Remembered(consumer: aggregate, key: subject)] ?? worker.initialState(of: aggregate),
      as: UTF8.self)
  }

  private func keys(
    of number: Int, _ consumer: ConsumerDeclaration, _ event: TestEvent, _ reaction: inout Reaction
  ) -> [String] {
    if consumer.key.isDefault { return [event.view.subject.text] }
    switch worker.keys(consumer: number, event: event.view, position: Position(position), recorded: Self.time) {
    case .keys(let keys): return keys.map(\.text)
    case .failed(let failure):
      lastFailure = failure
      reaction.failures.append(failure.message)
    case .hostFault(let message): reaction.failures.append("host: \(message)")
    }
    return []
  }

  private func call(
    _ number: Int, _ handler: Int, _ event: TestEvent, key: String, reader: UInt32, _ reaction: inout Reaction
  ) {
    let version = generation.consumers[number].state?.version ?? 1
    let remembered = Remembered(consumer: number, key: key)
    let outcome = Array(key.utf8).withUnsafeBytes {
      worker.call(
        consumer: number, handler: handler, event: event.view, position: Position(position), recorded: Self.time,
        now: Self.time, key: $0, readerNumber: reader,
        state: states[remembered] ?? StateInput(json: nil, version: version), into: lastEffects)
    }
    switch outcome {
    case .done(let log):
      states[remembered] = StateInput(json: worker.newState, version: version)
      reaction.logs += log.map { "\($0.level) \($0.text)" }
    case .failed(let failure):
      lastFailure = failure
      reaction.failures.append(failure.message)
    case .hostFault(let message): reaction.failures.append("host: \(message)")
    }
  }
}

extension Generation {
  /// The errors of a set of files, as text; empty when they load.
  static func errors(_ files: [(String, String)]) -> [String] {
    switch load(files.map { SourceFile(path: $0.0, text: $0.1) }) {
    case .success: []
    case .failure(let errors): errors.errors.map(\.description)
    }
  }
}
