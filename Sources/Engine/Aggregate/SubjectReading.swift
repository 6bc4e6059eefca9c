package import Events
package import LogStorage
package import Scripts
import Synchronization

/// The state of an aggregate's subject at a position, and how it was found.
package struct SubjectReport: Sendable, Equatable {
  /// JSON.
  package var state: [UInt8]
  /// Every event up to here was looked at.
  package var position: Position
  /// Up to where a file had kept it; nil: it was folded from the first event.
  package var kept: Position?
  /// How many events were folded.
  package var events: Int

  package init(state: [UInt8], position: Position, kept: Position?, events: Int) {
    (self.state, self.position, self.kept, self.events) = (state, position, kept, events)
  }
}

/// Reads states of aggregates for whoever asks, in Lua states of its own, beside the engine. Any thread, which needs the
/// stack that Lua wants; calls block on the disk.
package final class SubjectReading: Sendable {
  package enum Answer: Sendable, Equatable {
    case found(SubjectReport)
    /// The names of those that there are.
    case unknown(aggregates: [String])
    /// An event cannot be folded, or the log cannot be read.
    case failed(String)
  }

  private struct Seat: @unchecked Sendable {
    // In the pool or with one reader, never both.
    let generation: RunningGeneration
    let worker: ScriptWorker
  }

  private let log: LogReader
  private let snapshots: SubjectSnapshots?
  private let running: @Sendable () -> RunningGeneration?
  private let seats = Mutex<[Seat]>([])

  package init(
    log: LogReader, snapshots: SubjectSnapshots?, running: @escaping @Sendable () -> RunningGeneration?
  ) {
    (self.log, self.snapshots, self.running) = (log, snapshots, running)
  }

  /// Whether the running scripts declare an aggregate of this name.
  package func declares(_ name: String) -> Bool {
    running()?.scripts.consumers.contains { $0.aggregate != nil && $0.name.utf8.elementsEqual(name.utf8) } ?? false
  }

  /// `at`: durable. `head`: a durable commit that reaches up to it, when nothing durable is after it: then what was made
  /// with much work is kept.
  package func read(_ aggregate: String, _ subject: [UInt8], at: Position, head: UInt64? = nil) -> Answer {
    guard let generation = running() else { return .unknown(aggregates: []) }
    let declared = generation.scripts.consumers
    guard
      let index = declared.firstIndex(where: {
        $0.aggregate != nil && $0.name.utf8.elementsEqual(aggregate.utf8)
      })
    else { return .unknown(aggregates: declared.filter { $0.aggregate != nil }.map(\.name)) }
    do {
      let seat = try take(generation)
      defer { if !seat.worker.isDead { seats.withLock { $0.append(seat) } } }
      let loader = SubjectLoader(
        log: log, snapshots: snapshots, worker: seat.worker, generation: generation, aggregate: index,
        key: KeyBytes(subject), isVoid: { false }, begin: {}, end: {})
      let kept = loader.kept(through: at.rawValue)
      var state = kept ?? loader.beginning
      try loader.foldLog(through: at.rawValue, into: &state)
      let report = SubjectReport(
        state: state.json, position: at, kept: kept.map { Position($0.through) }, events: state.folded)
      if let head, state.folded >= SubjectSnapshots.spacing { loader.keep(&state, through: at.rawValue, commit: head) }
      return .found(report)
    } catch SubjectLoader.Failure.failed(let failure) {
      return .failed(failure.message)
    } catch SubjectLoader.Failure.host(let message) {
      return .failed(message)
    } catch {
      return .failed("\(error)")
    }
  }

  /// What the data of an event are for the running scripts, whose contracts may have grown since.
  package func newestData(of event: EntryView, position: Position, recorded: Int64) -> NewestData {
    guard let generation = running(), generation.scripts.contracts.all.contains(where: { $0.version > 1 }) else {
      return .same
    }
    do {
      let seat = try take(generation)
      defer { if !seat.worker.isDead { seats.withLock { $0.append(seat) } } }
      return seat.worker.newestData(of: event, position: position, recorded: recorded)
    } catch {
      return .failed("\(error)")
    }
  }

  private func take(_ generation: RunningGeneration) throws -> Seat {
    let free = seats.withLock { seats -> Seat? in
      seats.removeAll { $0.generation !== generation }
      return seats.popLast()
    }
    if let free { return free }
    let worker = try generation.scripts.makeWorker(
      hash: log.identity.hash, logName: log.identity.name, logID: (log.identity.id.high, log.identity.id.low))
    return Seat(generation: generation, worker: worker)
  }
}
