internal import CoreMetrics
internal import Engine
internal import Events
internal import Metering
internal import Synchronization
internal import Wire

/// What the door counts of its own answers, and shows of everything else.
final class DoorMetrics: Sendable {
  private struct Kind: Hashable {
    var operation: Operation?
    var status: Int
  }

  let registry: MetricsRegistry
  private let counters = Mutex<[Kind: Counter]>([:])

  init(_ registry: MetricsRegistry) { self.registry = registry }

  /// `operation`: nil for an address that there is not.
  func answered(_ operation: Operation?, status: Int) {
    let kind = Kind(operation: operation, status: status)
    let counter = counters.withLock { counters in
      if let counter = counters[kind] { return counter }
      let dimensions = [("operation", operation?.rawValue ?? "none"), ("status", "\(status)")]
      let counter = Counter(.requests, dimensions: dimensions, factory: registry)
      counters[kind] = counter
      return counter
    }
    counter.increment()
  }

  func text(_ status: HostStatus, views: [StatusReport.View], residentBytes: UInt64) -> String {
    var gauges: [Figure: [Sample]] = [
      .logHead: [Sample(status.head)], .logDurable: [Sample(status.durable)], .logBytes: [Sample(status.logBytes)],
      .residentMemory: [Sample(residentBytes)], .generation: [Sample(status.generation)],
      .loadErrors: [Sample(status.loadErrors.count)], .timersPending: [Sample(status.timers.pending)],
    ]
    for reader in status.readers {
      func add(_ figure: Figure, _ value: some BinaryInteger) {
        gauges[figure, default: []].append(Sample([reader.name, reader.kind], Double(value)))
      }
      add(.cursor, reader.cursor)
      add(.lag, reader.lag)
      add(.blockedKeys, reader.blockedKeys)
      add(.queued, reader.queued)
      add(.deadLetters, reader.deadLetters)
      guard reader.isDestination else { continue }
      gauges[.pending, default: []].append(Sample([reader.name], Double(reader.pending)))
      gauges[.breakerOpen, default: []].append(Sample([reader.name], reader.state == "down" ? 1 : 0))
    }
    for process in status.processes {
      let newest = process.generations[status.generation] ?? 0
      gauges[.processInstances, default: []].append(Sample([process.process], Double(process.instances)))
      gauges[.processInstancesOlder, default: []].append(
        Sample([process.process], Double(process.instances - newest)))
    }
    for view in views {
      gauges[.viewLag, default: []].append(Sample([view.name], Double(view.lag)))
      gauges[.frozenKeys, default: []].append(Sample([view.name], Double(view.frozen)))
    }
    return Exposition.text(registry, gauges: gauges)
  }
}

extension Sample {
  fileprivate init(_ value: some BinaryInteger) { self.init([], Double(value)) }
}
