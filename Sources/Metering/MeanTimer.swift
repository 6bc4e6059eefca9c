package import CoreMetrics

/// Times many things at once of which only the sum is known: each counts with the mean. A timer of swift-metrics would take
/// them one by one, which costs more than some of them last.
package struct MeanTimer: Sendable {
  private let handler: any TimerHandler

  package init(_ figure: Figure, dimensions: [(String, String)], factory: any MetricsFactory) {
    handler = factory.makeTimer(label: figure.rawValue, dimensions: dimensions)
  }

  package func record(nanoseconds: Int64, of count: Int) {
    guard count > 0 else { return }
    if let several = handler as? any SeveralRecorder {
      several.record(Double(nanoseconds) / 1e9 / Double(count), times: count)
    } else {
      handler.recordNanoseconds(nanoseconds / Int64(count))
    }
  }
}

extension Counter {
  package convenience init(_ figure: Figure, dimensions: [(String, String)] = [], factory: any MetricsFactory) {
    self.init(label: figure.rawValue, dimensions: dimensions, factory: factory)
  }
}

extension Timer {
  package convenience init(_ figure: Figure, dimensions: [(String, String)] = [], factory: any MetricsFactory) {
    self.init(label: figure.rawValue, dimensions: dimensions, factory: factory)
  }
}

extension Recorder {
  /// Of values whose distribution is wanted.
  package convenience init(_ figure: Figure, factory: any MetricsFactory) {
    self.init(label: figure.rawValue, dimensions: [], aggregate: true, factory: factory)
  }
}
