import Events
import Foundation
import LuaRuntime
import TestKit

@testable import Scripts

/// Instances of one process, led by hand: what the engine does, without a log. Every step is kept, so that a history can be
/// repeated in a fresh worker.
final class ProcessStage {
  /// What a step begins with.
  enum Given {
    case start(TestEvent)
    case event(TestEvent)
    case accepted([TestEvent])
    case rejected(String)
    case answered(TestEvent)
    case timeout
    case abort(String)
    case cancel(String)
  }

  struct Step {
    let given: Given
    let position: UInt64
    let now: Int64
  }

  /// What a step did.
  struct Turn: Equatable, CustomStringConvertible {
    /// `emits TYPE SUBJECT DATA`, `sends …`, `publishes …`, `sets …`
    var effects: [String] = []
    var wait: ProcessWait?
    var logs: [String] = []
    var compensations: [UInt32] = []
    var failure: String?
    /// The encoded effects.
    var bytes: [UInt8] = []

    var description: String {
      "\(effects) waits \(wait.map { "\($0)" } ?? "-") logs \(logs) compensations \(compensations) \(failure ?? "")"
    }
  }

  let generation: Generation
  let number: Int
  var worker: ScriptWorker
  var run: ProcessRun
  private(set) var steps: [Step] = []
  private(set) var turns: [Turn] = []
  private(set) var position: UInt64 = 0
  private var now = Stage.time
  let key: String
  let reader: UInt32
  var lastFailure: HandlerFailure?

  convenience init(_ files: [(String, String)], key: String = "order-1", reader: UInt32 = 3) throws {
    var limits = LuaLimits()
    limits.nanoseconds *= Slowness.factor
    try self.init(
      Generation.load(files.map { SourceFile(path: $0.0, text: $0.1) }, limits: limits).get(), key: key, reader: reader)
  }

  init(_ generation: Generation, key: String = "order-1", reader: UInt32 = 3) throws {
    self.generation = generation
    worker = try Stage.worker(of: generation)
    number = generation.consumers.firstIndex { $0.process != nil }!
    run = worker.makeRun(consumer: number)
    (self.key, self.reader) = (key, reader)
  }

  convenience init(_ source: String, key: String = "order-1") throws {
    try self.init([("script.lua", source)], key: key)
  }

  @discardableResult
  func start(_ type: String = "OrderPlaced", _ subject: String = "order-1", _ data: String? = nil) -> Turn {
    give(.start(TestEvent(type, subject, data: data)))
  }

  @discardableResult
  func event(_ type: String, _ subject: String = "order-1", _ data: String? = nil) -> Turn {
    give(.event(TestEvent(type, subject, data: data)))
  }

  @discardableResult
  func answer(_ json: String) -> Turn { give(.answered(TestEvent("moondance.answered", "order-1", data: json))) }

  @discardableResult
  func give(_ given: Given, at time: Int64 = 1_000_000) -> Turn {
    position += 1
    now += time
    let step = Step(given: given, position: position, now: now)
    steps.append(step)
    let turn = play(step, steps.count - 1, run, worker)
    turns.append(turn)
    return turn
  }

  /// How the instance has ended; nil: it has not.
  var ending: String? {
    guard case .ended(let end)? = turns.last?.wait else { return nil }
    switch end {
    case .done: return "done"
    case .rolledBack: return "rolled back"
    case .cancelled: return "cancelled"
    case .restarted(let data): return "restarted \(String(decoding: data, as: UTF8.self))"
    }
  }

  /// The next start begins a history of its own.
  func forget() { (steps, turns) = ([], []) }

  /// A step of a run whose history is not kept.
  func `continue`(_ type: String, _ data: String) -> Turn {
    let start = Step(given: .start(TestEvent("OrderPlaced", "order-1")), position: 1, now: now)
    steps = [start, Step(given: .event(TestEvent(type, "order-1", data: data)), position: 2, now: now)]
    defer { steps = [] }
    return play(steps[1], 1, run, worker)
  }

  /// Does the whole history again in a worker of its own; the instance goes on from there.
  @discardableResult
  func replay(on other: Generation? = nil) throws -> [Turn] {
    worker = try Stage.worker(of: other ?? generation)
    run = worker.makeRun(consumer: number)
    return steps.enumerated().map { play($1, $0, run, worker) }
  }

  private var causes: [TestEvent?] {
    steps.map {
      switch $0.given {
      case .start(let event), .event(let event), .answered(let event): event
      default: nil
      }
    }
  }

  private func play(_ step: Step, _ index: Int, _ run: ProcessRun, _ worker: ScriptWorker) -> Turn {
    guard case .start(let start) = steps[0].given else { preconditionFailure("a history begins with its start") }
    // Whoever has no event of its own is caused by the last that had one.
    let place = (0...index).last { causes[$0] != nil } ?? 0
    let effects = EntryBatch(hash: StableHash(seed: 7))
    var turn = Turn()
    let outcome = Array(key.utf8).withUnsafeBytes { key in
      worker.step(
        run, input(step),
        StepContext(
          start: start.view, startPosition: Position(steps[0].position), cause: causes[place]!.view,
          causePosition: Position(steps[place].position), recorded: steps[place].now, now: step.now, key: key,
          readerNumber: reader, step: UInt32(index)),
        into: effects)
    }
    switch outcome {
    case .waits(let wait, let log, let compensations):
      (turn.wait, turn.compensations) = (wait, compensations)
      turn.logs = log.map(\.text)
    case .failed(let failure):
      lastFailure = failure
      turn.failure = failure.message
    case .hostFault(let message): turn.failure = "host: \(message)"
    }
    turn.bytes = Array(effects.bytes.bytes)
    turn.effects = (0..<effects.count).map { Self.text(effects.entry($0)) }
    lastEffects = effects
    return turn
  }

  private(set) var lastEffects = EntryBatch(hash: StableHash(seed: 7))

  private func input(_ step: Step) -> ProcessInput {
    let position = Position(step.position)
    return switch step.given {
    case .start(let event): .start(event.view, position)
    case .event(let event): .event(event.view, position)
    case .accepted(let events): .accepted(events.map { ($0.view, position, step.now) })
    case .rejected(let reason): .rejected(reason)
    case .answered(let event): .answered(event.view)
    case .timeout: .timeout
    case .abort(let reason): .abort(reason)
    case .cancel(let reason): .cancel(reason)
    }
  }

  static func text(_ entry: EntryView) -> String {
    let verb =
      switch RecordKind(rawValue: entry.rawKind) {
      case .command?: "sends"
      case .message?: "publishes"
      case .timer?: "sets"
      default: "emits"
      }
    return "\(verb) \(entry.type.text) \(entry.subject.text) \(entry.data.text)".trimmingCharacters(in: .whitespaces)
  }
}
