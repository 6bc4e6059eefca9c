import Events
import Foundation
import Testing

@testable import Scripts

/// An entry with memory of its own.
final class TestEvent {
  let batch = EntryBatch(hash: StableHash(seed: 7))
  var view: EntryView { batch.entry(0) }

  init(
    _ type: String, _ subject: String = "", data: String? = nil, encoding: DataEncoding? = nil,
    attributes: [(AttributeName, String)] = [], extensions: [(String, String, AttributeType)] = [],
    cause: UInt64 = 0, root: UInt64 = 0, depth: UInt16 = 0, more: (EntryBatch) -> Void = { _ in }
  ) {
    let data = data.map { Array($0.utf8) }
    Array(type.utf8).withUnsafeBytes { type in
      Array(subject.utf8).withUnsafeBytes { subject in
        (data ?? []).withUnsafeBytes { bytes in
          batch.begin(
            kind: .event, type: type, subject: subject, data: bytes,
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
  var logs: [String] = []
  var failures: [String] = []

  var description: String { "keys \(keys) emits \(emits) logs \(logs) failures \(failures)" }
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
  private struct Remembered: Hashable {
    let consumer: Int
    let key: String
  }
  var lastEffects = EntryBatch(hash: StableHash(seed: 7))

  init(_ generation: Generation) throws {
    self.generation = generation
    worker = try Self.worker(of: generation)
  }

  convenience init(_ files: [(String, String)]) throws {
    try self.init(Generation.load(files.map { SourceFile(path: $0.0, text: $0.1) }).get())
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
    for (number, consumer) in generation.consumers.enumerated() {
      guard let handler = consumer.handler(forType: event.view.type) else { continue }
      for key in keys(of: number, consumer, event, &reaction) {
        reaction.keys.append(key)
        call(number, handler, event, key: key, reader: reader, &reaction)
      }
    }
    for index in 0..<lastEffects.count {
      let entry = lastEffects.entry(index)
      reaction.emits.append(
        "\(entry.type.text) \(entry.subject.text) \(entry.data.text)".trimmingCharacters(in: .whitespaces))
    }
    return reaction
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
