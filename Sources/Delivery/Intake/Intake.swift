package import Engine
internal import Events
internal import Platform
package import Scripts

/// Lets events in from where the sources of the running generation say.
package final class Intake: RequestIntake {
  private let host: any EventHost
  private let running: @Sendable () -> RunningGeneration?
  private let settings: IntakeSettings
  private let book: SourceBook
  private let pool: RequestPool

  /// - running: the generation that runs, with its number.
  package init(
    _ settings: IntakeSettings, host: any EventHost, running: @escaping @Sendable () -> RunningGeneration?
  ) {
    (self.settings, self.host, self.running) = (settings, host, running)
    book = SourceBook(settings)
    pool = RequestPool(settings, book: book)
  }

  /// To be called when another generation runs: its sources take the place of those before.
  package func deployed() {}

  /// Once, before the engine stops.
  package func stop() {
    pool.stop(until: settings.clock.monotonicNanoseconds() + 2_000_000_000)
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
