package import CoreMetrics
import Synchronization

/// The backend of swift-metrics: keeps every counter and histogram, and writes them down for Prometheus.
///
/// A label is the name of a `Figure`, and its dimensions are that figure's labels: the rest is a mistake of this program.
/// Asking twice for the same gives the same. Any thread.
package final class MetricsRegistry: Sendable {
  private struct Place: Hashable {
    var figure: Figure
    var values: [String]
  }

  private struct Cells {
    var counters: [Place: CounterCell] = [:]
    var histograms: [Place: HistogramCell] = [:]
  }

  private let cells = Mutex(Cells())

  package init() {}

  private func place(_ label: String, _ dimensions: [(String, String)], _ kind: Figure.Kind) -> Place {
    guard let figure = Figure(rawValue: label) else { preconditionFailure("\(label) is no figure") }
    precondition(figure.kind == kind, "\(label) is a \(figure.kind)")
    precondition(figure.labels == dimensions.map(\.0), "\(label) has the labels \(figure.labels)")
    return Place(figure: figure, values: dimensions.map(\.1))
  }

  /// What it has counted, by figure. A figure without labels is there before anything was counted.
  func samples() -> [Figure: [Sample]] {
    let (counters, histograms) = cells.withLock { ($0.counters, $0.histograms) }
    var found: [Figure: [Sample]] = [:]
    for (place, cell) in counters {
      found[place.figure, default: []].append(Sample(labels: place.values, value: .number(Double(cell.value))))
    }
    for (place, cell) in histograms {
      found[place.figure, default: []].append(Sample(labels: place.values, value: .histogram(cell.counts)))
    }
    return found
  }
}

extension MetricsRegistry: MetricsFactory {
  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    let place = place(label, dimensions, .counter)
    return cells.withLock { cells in
      if let cell = cells.counters[place] { return cell }
      let cell = CounterCell()
      cells.counters[place] = cell
      return cell
    }
  }

  private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramCell {
    let place = place(label, dimensions, .histogram)
    return cells.withLock { cells in
      if let cell = cells.histograms[place] { return cell }
      let cell = HistogramCell(bounds: place.figure.bounds)
      cells.histograms[place] = cell
      return cell
    }
  }

  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    histogram(label, dimensions)
  }

  package func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    precondition(aggregate, "\(label) is a gauge: it is looked at when it is asked for")
    return histogram(label, dimensions)
  }

  /// What is counted stays: a counter that goes away and comes back would seem to have been reset.
  package func destroyCounter(_ handler: any CounterHandler) {}
  package func destroyRecorder(_ handler: any RecorderHandler) {}
  package func destroyTimer(_ handler: any TimerHandler) {}
}

/// One counter.
final class CounterCell: CounterHandler {
  private let count = Atomic<Int64>(0)

  var value: Int64 { count.load(ordering: .relaxed) }

  func increment(by amount: Int64) { count.wrappingAdd(amount, ordering: .relaxed) }
  func reset() { count.store(0, ordering: .relaxed) }
}

/// One histogram: how many values lie between its bounds, and their sum.
final class HistogramCell: TimerHandler, RecorderHandler, SeveralRecorder {
  struct Counts: Sendable {
    /// Of values up to each bound and above the one before; the last of those above all bounds.
    var between: [UInt64]
    var sum: Double = 0
  }

  private let bounds: [Double]
  private let state: Mutex<Counts>

  init(bounds: [Double]) {
    self.bounds = bounds
    state = Mutex(Counts(between: [UInt64](repeating: 0, count: bounds.count + 1)))
  }

  var counts: Counts { state.withLock { $0 } }

  func record(_ value: Double, times: Int) {
    guard times > 0 else { return }
    // A dozen bounds: looking at each is quicker than halving.
    let index = bounds.firstIndex { value <= $0 } ?? bounds.count
    state.withLock { state in
      state.between[index] += UInt64(times)
      state.sum += value * Double(times)
    }
  }

  func record(_ value: Int64) { record(Double(value), times: 1) }
  func record(_ value: Double) { record(value, times: 1) }
  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9, times: 1) }
}

/// Takes a value that there were several of.
protocol SeveralRecorder: Sendable {
  func record(_ value: Double, times: Int)
}
