package import CoreMetrics
import Events
import LogStorage
import Metering
import Scripts

/// What the engine counts: sums of turns, groups, batches and deliveries, never single events.
///
/// `@unchecked Sendable`: made by who starts the engine, and then the engine thread's.
package final class EngineMetrics: @unchecked Sendable {
  private let factory: any MetricsFactory
  private let turns: Counter
  private let entries: Counter
  private let commits: Counter
  private let bytes: Counter
  private let groupEntries: Recorder
  /// By reader number - 1.
  private var readers: [ReaderMetrics?] = []

  package init(factory: any MetricsFactory) {
    self.factory = factory
    turns = Counter(.turns, factory: factory)
    entries = Counter(.appendEntries, factory: factory)
    commits = Counter(.appendCommits, factory: factory)
    bytes = Counter(.appendBytes, factory: factory)
    groupEntries = Recorder(.groupEntries, factory: factory)
  }

  func tookTurn() { turns.increment() }

  func appended(_ group: LogChunk) {
    entries.increment(by: group.count)
    commits.increment(by: group.lastCommit - group.firstCommit + 1)
    bytes.increment(by: group.byteCount)
    groupEntries.record(group.count)
  }

  /// A batch is committed.
  func committed(_ batch: Batch, _ reader: ReaderState, _ progress: ProgressRecord) {
    let metrics = metrics(of: reader)
    var (time, calls): (Int64, Int) = (0, 0)
    for shard in batch.shards {
      time += shard.elapsed
      calls += shard.done - shard.passedOver.count - shard.unheard.count
    }
    metrics.handlers?.record(nanoseconds: time, of: calls)
    metrics.failed(progress)
  }

  /// What came of deliveries is committed.
  func committed(_ deliveries: ProgressRecord, _ reader: ReaderState) { metrics(of: reader).failed(deliveries) }

  /// An attempt has ended.
  func delivered(_ outcome: DeliveryOutcome, _ reader: ReaderState, nanoseconds: Int64) {
    metrics(of: reader).delivery?.ended(outcome, nanoseconds)
  }

  private func metrics(of reader: ReaderState) -> ReaderMetrics {
    let index = Int(reader.number) - 1
    while readers.count <= index { readers.append(nil) }
    if let known = readers[index] { return known }
    let made = ReaderMetrics(reader, factory)
    readers[index] = made
    return made
  }
}

/// Of one reader.
private final class ReaderMetrics {
  let handlers: MeanTimer?
  let delivery: DeliveryMetrics?
  private let retries: Counter
  private let deadLetters: Counter

  init(_ reader: ReaderState, _ factory: any MetricsFactory) {
    let isDestination = reader.kind == .destination
    handlers =
      isDestination ? nil : MeanTimer(.handlerTime, dimensions: [("consumer", reader.name)], factory: factory)
    delivery = isDestination ? DeliveryMetrics(reader.name, factory) : nil
    retries = Counter(.retries, dimensions: [("reader", reader.name)], factory: factory)
    deadLetters = Counter(.deadLettersMade, dimensions: [("reader", reader.name)], factory: factory)
  }

  func failed(_ progress: ProgressRecord) {
    if progress.failed.isEmpty { return }
    let again = progress.failed.count { $0.disposition == .retry }
    retries.increment(by: again)
    deadLetters.increment(by: progress.failed.count - again)
  }
}

/// Of one destination.
private final class DeliveryMetrics {
  private let delivered: Counter
  private let refused: Counter
  private let unavailable: Counter
  private let impossible: Counter
  private let time: Timer

  init(_ destination: String, _ factory: any MetricsFactory) {
    func counter(_ outcome: String) -> Counter {
      Counter(.deliveries, dimensions: [("destination", destination), ("outcome", outcome)], factory: factory)
    }
    (delivered, refused) = (counter("delivered"), counter("refused"))
    (unavailable, impossible) = (counter("unavailable"), counter("impossible"))
    time = Timer(.deliveryTime, dimensions: [("destination", destination)], factory: factory)
  }

  func ended(_ outcome: DeliveryOutcome, _ nanoseconds: Int64) {
    time.recordNanoseconds(nanoseconds)
    switch outcome {
    case .delivered: delivered.increment()
    case .failed(let failure):
      switch failure.kind {
      case .refused: refused.increment()
      case .unavailable: unavailable.increment()
      case .impossible: impossible.increment()
      }
    }
  }
}
