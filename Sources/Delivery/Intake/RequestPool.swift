internal import Engine
internal import Events
internal import LogStorage
internal import Platform
internal import Scripts
internal import Synchronization

/// A few threads that verify requests and make events of them, each with Lua states of its own. A function that takes
/// its whole budget delays requests to sources, and nothing else.
final class RequestPool: Sendable {
  /// What has become of a request before anything is appended.
  enum Prepared: Sendable {
    case ended(IntakeOutcome)
    case events(EntryBatch)
  }

  private struct Job: Sendable {
    let request: IncomingRequest
    let source: SourceDeclaration
    let generation: RunningGeneration
    let answer: CheckedContinuation<Prepared, Never>
  }

  private final class Lane: Sendable {
    let inbox = Inbox<Job>()
    /// Jobs that it has not answered.
    let open = Atomic(0)
  }

  private let lanes: [Lane]
  private let settings: IntakeSettings
  private let book: SourceBook
  private let waiting = Mutex((requests: 0, bytes: 0))
  private let isOver = Atomic(false)
  private let threads = Mutex<[LaneThread]>([])

  init(_ settings: IntakeSettings, book: SourceBook) {
    (self.settings, self.book) = (settings, book)
    lanes = (0..<settings.threads).map { _ in Lane() }
  }

  /// Verifies the request and makes events of it, on one of the threads.
  func prepare(
    _ request: IncomingRequest, for source: SourceDeclaration, of generation: RunningGeneration
  ) async -> Prepared {
    let bytes = request.body.count
    let isTooMuch = waiting.withLock { waiting in
      if waiting.requests >= settings.waitingRequests || waiting.bytes + bytes > settings.waitingBytes { return true }
      waiting.requests += 1
      waiting.bytes += bytes
      return false
    }
    if isTooMuch || isOver.load(ordering: .acquiring) { return .ended(.overloaded) }
    defer {
      waiting.withLock { waiting in
        waiting.requests -= 1
        waiting.bytes -= bytes
      }
    }
    start()
    let lane = lanes.min { $0.open.load(ordering: .relaxed) < $1.open.load(ordering: .relaxed) }!
    lane.open.add(1, ordering: .relaxed)
    return await withCheckedContinuation { answer in
      lane.inbox.put(Job(request: request, source: source, generation: generation, answer: answer))
    }
  }

  /// With the first request: a host without sources has no threads for them.
  private func start() {
    threads.withLock { threads in
      guard threads.isEmpty else { return }
      threads = lanes.map { lane in LaneThread(name: "requests") { [self] in run(lane) } }
    }
  }

  /// Once. Requests that come later are answered as too many; those that wait are answered first.
  func stop(until deadline: UInt64) {
    isOver.store(true, ordering: .releasing)
    for lane in lanes { lane.inbox.bell.ring() }
    for thread in threads.withLock({ $0 }) { thread.join(until: deadline) }
  }

  private func run(_ lane: Lane) {
    var jobs: [Job] = []
    var scripts = RequestScripts(settings: settings, book: book)
    while true {
      let isLast = isOver.load(ordering: .acquiring)
      if isLast { lane.inbox.takeAll(into: &jobs) } else { _ = lane.inbox.waitAndTakeAll(into: &jobs) }
      for job in jobs {
        let prepared = scripts.prepare(job.request, for: job.source, of: job.generation)
        lane.open.subtract(1, ordering: .relaxed)
        job.answer.resume(returning: prepared)
      }
      if isLast { return }
    }
  }
}

/// The Lua state of one thread.
private struct RequestScripts {
  let settings: IntakeSettings
  let book: SourceBook
  private var worker: ScriptWorker?
  private var generation: UInt32?

  init(settings: IntakeSettings, book: SourceBook) { (self.settings, self.book) = (settings, book) }

  mutating func prepare(
    _ request: IncomingRequest, for source: SourceDeclaration, of generation: RunningGeneration
  ) -> RequestPool.Prepared {
    guard case .http(let place) = source.place else { return .ended(.unknown) }
    if let verification = place.verification {
      var secrets: [String] = []
      for secret in verification.secrets {
        guard case .environment(let name)? = secret.parts.first else { continue }
        // With several, one that is not set yet or not any more is no reason to refuse the others.
        if let value = settings.environment(name), !value.isEmpty { secrets.append(value) }
      }
      if secrets.isEmpty {
        book.tell(.error, source.name, "its secret \(verification.secrets[0]) is not set in the daemon's environment")
        return .ended(.failed)
      }
      let now = settings.clock.wallMicroseconds() / 1_000_000
      guard RequestProof(verification: verification, secrets: secrets).accepts(request, now: now) else {
        book.tell(.warning, source.name, "a request was refused: \(verification.scheme) does not verify it")
        return .ended(.unverified)
      }
    }
    return events(of: request, source, generation)
  }

  private mutating func events(
    of request: IncomingRequest, _ source: SourceDeclaration, _ generation: RunningGeneration
  ) -> RequestPool.Prepared {
    let number = generation.scripts.sources.firstIndex { $0.name == source.name }
    guard let number, let worker = worker(of: generation, source) else { return .ended(.failed) }
    let batch = EntryBatch(hash: settings.identity.hash, capacity: request.body.count + 512)
    switch worker.receive(source: number, request, into: batch) {
    case .events(let count): if count == 0 { return .ended(.nothing) }
    case .malformed(let error):
      book.tell(.warning, source.name, "a request was refused: its body is not JSON: \(error.message)")
      return .ended(.malformed(error.message + (error.offset.map { ", at byte \($0)" } ?? "")))
    case .failed(let failure):
      book.tell(.error, source.name, failure.message, details: failure.traceback)
      return .ended(.failed)
    case .hostFault(let message):
      book.tell(.error, source.name, message)
      return .ended(.failed)
    }
    do throws(ContractSet.Refusal) {
      try generation.scripts.contracts.check(batch)
    } catch {
      book.tell(.error, source.name, "the contract of \(error.type) is broken: \(error.violation)")
      return .ended(.contractBroken(error))
    }
    return .events(batch)
  }

  /// A worker whose call ran into a limit is dead, and a new generation has new ones.
  private mutating func worker(of running: RunningGeneration, _ source: SourceDeclaration) -> ScriptWorker? {
    if generation != running.number || worker?.isDead == true { worker = nil }
    if let worker { return worker }
    let identity = settings.identity
    do {
      let made = try running.scripts.makeWorker(
        hash: identity.hash, logName: identity.name, logID: (identity.id.high, identity.id.low))
      (worker, generation) = (made, running.number)
      return made
    } catch {
      book.tell(.error, source.name, "the scripts do not load again: \(error)")
      return nil
    }
  }
}
