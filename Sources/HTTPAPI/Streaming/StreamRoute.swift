internal import Engine
internal import Events
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization
internal import Wire

/// `POST /events` with a stream of events, a line each. They are committed in chunks as they come; several chunks are
/// under way at a time, and while that many are, what arrives gathers in the next. So a slow stream is durable line by
/// line, and a fast one goes in large chunks. Everything before a bad line is in.
struct StreamRoute: Sendable {
  let services: DoorServices

  private enum Step: Sendable {
    case part(ByteBuffer?)
    case broken
    case appended(Int, AppendOutcome)
    case shutdown
  }

  /// The stream was cut off by its sender, who waits for no answer.
  struct Broken: Error {}

  /// Reads the body one part at a time. `@unchecked Sendable`: each call is over before the next is made.
  private final class Body: @unchecked Sendable {
    private var iterator: RequestBody.AsyncIterator
    init(_ body: RequestBody) { iterator = body.makeAsyncIterator() }

    func next() async -> Step {
      do {
        return .part(try await iterator.next())
      } catch {
        return .broken
      }
    }
  }

  func answer(_ request: Request) async throws -> Answer {
    if request.headers.value(of: .ifMatch) != nil {
      return .problem(Problem(.badRequest, "If-Match goes with a single event; this is a stream.")).closing()
    }
    let body = Body(request.body)
    let answer = await withTaskGroup(of: Step.self) { group in
      defer { group.cancelAll() }
      return await run(body, in: &group)
    }
    guard let answer else { throw Broken() }
    return answer
  }

  /// Ties chunks together. A host may turn a chunk away before it comes to the others of its stream, so the door too
  /// must let none follow one that was turned away.
  private final class Passage: Sendable {
    let stream = IngressStream()
    let isShut = Atomic(false)

    func append(_ chunk: StreamChunk, to host: any EventHost) async -> Step {
      let outcome = await host.append(chunk.batch, expecting: nil, stream: stream)
      if case .appended = outcome {} else { isShut.store(true, ordering: .relaxed) }
      return .appended(chunk.number, outcome)
    }
  }

  /// Nil when the sender cut the stream off.
  private func run(_ body: Body, in group: inout TaskGroup<Step>) async -> Answer? {
    var assembler = StreamAssembler(
      hash: services.host.hash, limits: services.limits, contracts: services.host.contracts)
    var ledger = StreamLedger()
    var passage = Passage()
    var again: [StreamChunk] = []
    var isReading = false
    var hasEnded = false
    var problem: Problem?
    var patience = Patience(services.limits.overloadTime)

    group.addTask {
      try? await gracefulShutdown()
      return .shutdown
    }
    while true {
      while ledger.inFlight < services.limits.chunksInFlight, !passage.isShut.load(ordering: .relaxed) {
        guard let chunk = again.isEmpty ? assembler.next() : again.removeFirst() else { break }
        ledger.submit(chunk)
        // Begins at once, so that chunks reach the engine in their order.
        group.addImmediateTask { [host = services.host, passage] in await passage.append(chunk, to: host) }
      }
      problem = problem ?? assembler.problem
      if let failure = ledger.takeFailure() {
        if case .overloaded(let seconds) = failure.outcome, await patience.wait(seconds, progress: ledger.count) {
          again = failure.unbooked + again
          passage = Passage()
          continue
        }
        return await refuse(failure, &ledger)
      }
      if ledger.inFlight == 0, again.isEmpty, hasEnded || problem != nil { break }
      if !isReading, !hasEnded, problem == nil, !ledger.hasFailed, !assembler.isFull {
        isReading = true
        group.addTask { await body.next() }
      }
      switch await group.next() {
      case .part(let part?):
        isReading = false
        assembler.take(part)
      case .part(nil):
        (isReading, hasEnded) = (false, true)
        assembler.end()
      case .appended(let number, let outcome): ledger.complete(number, outcome)
      case .shutdown:
        problem = problem ?? Problem(.stopping, "The daemon is stopping. Send the rest when it runs again.")
      case .broken, nil: return nil
      }
    }
    if let problem { return Self.answer(problem, ledger, isComplete: hasEnded) }
    let receipt = AppendReceipt(
      first: ledger.first?.rawValue, last: ledger.last?.rawValue, count: ledger.count, duplicates: ledger.duplicates)
    return AppendRoute.receipt(ledger.count == 0 ? .ok : .created, receipt)
  }

  /// The answer for a chunk that the engine did not take. What comes before a conflict in the chunk is appended first.
  private func refuse(_ failure: StreamLedger.Failure, _ ledger: inout StreamLedger) async -> Answer {
    var problem = AppendRoute.problem(failure.outcome, .stream)
    var line = failure.chunk.lines[0]
    if case .conflict(let index, _) = failure.outcome {
      line = failure.chunk.lines[index]
      if index > 0 {
        let before = failure.chunk.prefix(index)
        let outcome = await services.host.append(before.batch, expecting: nil, stream: nil)
        if case .appended(let first, let last, _, let duplicates) = outcome {
          ledger.book(before, first, last, duplicates)
        } else {
          problem = AppendRoute.problem(outcome, .stream)
          line = before.lines[0]
        }
      }
    }
    problem.line = line
    problem.detail = "Line \(line): " + problem.detail
    return Self.answer(problem, ledger, isComplete: false)
  }

  private static func answer(_ problem: Problem, _ ledger: StreamLedger, isComplete: Bool) -> Answer {
    var problem = problem
    problem.last = ledger.last?.rawValue ?? 0
    problem.count = ledger.count
    problem.duplicates = ledger.duplicates
    let place = "to position \(ledger.last ?? .start)"
    switch ledger.count {
    case 0: problem.detail += " Nothing of this stream is in."
    case 1: problem.detail += " The one event before it is in, \(place)."
    default: problem.detail += " The \(ledger.count) events before it are in, \(place)."
    }
    let answer = Answer.problem(problem)
    return isComplete ? answer : answer.closing()
  }
}

/// How long a stream has waited for a busy engine without getting on.
private struct Patience {
  private let limit: Duration
  private var since: ContinuousClock.Instant?
  private var progress = 0

  init(_ limit: Duration) { self.limit = limit }

  /// Waits as long as the engine asks, at most a second; false when it has been waited for long enough.
  mutating func wait(_ seconds: Int, progress: Int) async -> Bool {
    if progress > self.progress { since = nil }
    self.progress = progress
    let start = since ?? .now
    since = start
    guard ContinuousClock.now < start + limit else { return false }
    try? await Task.sleep(for: min(.milliseconds(50) * max(1, seconds * 4), .seconds(1)))
    return !Task.isCancelled
  }
}
