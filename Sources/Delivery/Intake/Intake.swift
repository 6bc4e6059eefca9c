package import Engine
internal import Events
internal import Platform
package import Scripts
internal import Synchronization

/// Lets events in from where the sources of the running generation say.
package final class Intake: RequestIntake {
  private let host: any EventHost
  private let running: @Sendable () -> RunningGeneration?
  private let settings: IntakeSettings
  private let book: SourceBook
  private let pool: RequestPool
  private let tails = Mutex(Tails())

  private struct Tails {
    var running: [TableTail] = []
    /// Those that nobody wants any more, until their threads have ended.
    var over: [TableTail] = []
    var isStopped = false
  }

  /// - running: the generation that runs, with its number.
  package init(
    _ settings: IntakeSettings, host: any EventHost, running: @escaping @Sendable () -> RunningGeneration?
  ) {
    (self.settings, self.host, self.running) = (settings, host, running)
    book = SourceBook(settings)
    pool = RequestPool(settings, book: book)
  }

  /// To be called when `scripts` are deployed: their sources take the place of those before.
  package func deployed(_ scripts: Generation) {
    let sources = scripts.sources
    let (begun, kept, over) = tails.withLock { tails -> ([TableTail], [TableTail], [TableTail]) in
      if tails.isStopped { return ([], [], []) }
      let (kept, over) = tails.running.reduce(into: ([TableTail](), [TableTail]())) { parts, tail in
        let isSame = sources.contains { $0.name == tail.source.name && $0.place == tail.source.place }
        if isSame { parts.0.append(tail) } else { parts.1.append(tail) }
      }
      let begun = sources.compactMap { source -> TableTail? in
        guard case .postgres(let place) = source.place, !kept.contains(where: { $0.source.name == source.name }) else {
          return nil
        }
        return TableTail(source, place, host: host, settings: settings, book: book)
      }
      tails.running = kept + begun
      tails.over += over
      return (begun, kept, over)
    }
    for tail in over { tail.stop() }
    for tail in kept { tail.deployed() }
    for tail in begun { tail.start() }
  }

  /// Once, before the engine stops.
  package func stop() {
    let over = tails.withLock { tails in
      tails.isStopped = true
      defer { (tails.running, tails.over) = ([], []) }
      return tails.running + tails.over
    }
    let deadline = settings.clock.monotonicNanoseconds() + 2_000_000_000
    for tail in over { tail.stop() }
    pool.stop(until: deadline)
    for tail in over { tail.join(until: deadline) }
  }

  // MARK: requests

  package func gate(at path: String) -> IntakeGate? {
    guard let source = running()?.scripts.sources.first(at: path), case .http(let place) = source.place else {
      return nil
    }
    return place.verification == nil ? .open : .verified
  }

  package func receive(_ request: IncomingRequest, at path: String) async -> IntakeOutcome {
    guard let generation = running(), let source = generation.scripts.sources.first(at: path) else { return .unknown }
    let outcome: IntakeOutcome
    switch await pool.prepare(request, for: source, of: generation) {
    case .ended(let ended): outcome = ended
    case .events(let batch):
      outcome = .appended(await host.append(batch, expecting: nil, stream: nil), count: batch.count)
    }
    note(outcome, of: source)
    return outcome
  }

  private func note(_ outcome: IntakeOutcome, of source: SourceDeclaration) {
    if case .appended(.conflict(_, let position), _) = outcome {
      book.tell(
        .error, source.name, "another event has the id of the one at position \(position): an id is for one event only")
    }
    book.change(source.name) { page in
      switch outcome {
      case .nothing: page.received += 1
      case .appended(.appended(_, _, let count, let duplicates), _):
        page.received += 1
        if count > 0, count == duplicates { page.duplicates += 1 }
      case .unverified, .malformed, .contractBroken, .failed, .appended(.conflict, _):
        page.received += 1
        page.failed += 1
        return
      case .unknown, .overloaded, .appended: return
      }
      page.error = nil
    }
  }

  package func sources() async -> [SourceStatus] {
    (running()?.scripts.sources ?? []).map { book.status($0) }.sorted { $0.name < $1.name }
  }
}

extension [SourceDeclaration] {
  /// The one that requests to `/in/{path}` belong to.
  fileprivate func first(at path: String) -> SourceDeclaration? {
    first { if case .http(let place) = $0.place { place.path == path } else { false } }
  }
}
