import CoreMetrics
import Foundation
import Testing

@testable import Metering

struct MeteringTests {
  private func lines(_ registry: MetricsRegistry, _ gauges: [Figure: [Sample]] = [:]) -> [Substring] {
    Exposition.text(registry, gauges: gauges).split(separator: "\n")
  }

  @Test func `a counter counts, and whoever asks for it again gets the same`() {
    let registry = MetricsRegistry()
    Counter(.turns, factory: registry).increment(by: 40)
    Counter(.turns, factory: registry).increment(by: 2)
    #expect(
      lines(registry).filter { $0.contains("moondance_turns_total") } == [
        "# HELP moondance_turns_total Turns of the engine.", "# TYPE moondance_turns_total counter",
        "moondance_turns_total 42",
      ])
  }

  @Test func `a histogram has a count up to each bound, and all that there were`() {
    let registry = MetricsRegistry()
    let timer = Timer(.syncTime, factory: registry)
    timer.recordNanoseconds(100_000)
    timer.recordNanoseconds(100_001)
    timer.recordNanoseconds(5_000_000_000)
    let found = lines(registry).filter { $0.hasPrefix("moondance_sync_seconds") }
    #expect(found.first == "moondance_sync_seconds_bucket{le=\"0.0001\"} 1")
    #expect(found.contains("moondance_sync_seconds_bucket{le=\"0.00025\"} 2"))
    #expect(found.contains("moondance_sync_seconds_bucket{le=\"1\"} 2"))
    #expect(found.suffix(3).first == "moondance_sync_seconds_bucket{le=\"+Inf\"} 3")
    #expect(found.suffix(2).first?.hasPrefix("moondance_sync_seconds_sum 5.000200001") == true)
    #expect(found.last == "moondance_sync_seconds_count 3")
  }

  @Test func `many at once count with their mean`() {
    let registry = MetricsRegistry()
    let timer = MeanTimer(.handlerTime, dimensions: [("consumer", "c")], factory: registry)
    timer.record(nanoseconds: 3_000_000, of: 1000)
    timer.record(nanoseconds: 7, of: 0)
    let found = lines(registry).filter { $0.hasPrefix("moondance_handler_seconds") }
    #expect(found.contains(#"moondance_handler_seconds_bucket{consumer="c",le="2e-06"} 0"#))
    #expect(found.contains(#"moondance_handler_seconds_bucket{consumer="c",le="5e-06"} 1000"#))
    #expect(found.last == #"moondance_handler_seconds_count{consumer="c"} 1000"#)
  }

  @Test func `another backend gets the mean once`() {
    final class Other: TimerHandler, @unchecked Sendable {
      var seen: [Int64] = []
      func recordNanoseconds(_ duration: Int64) { seen.append(duration) }
    }
    final class Factory: MetricsFactory {
      let timer = Other()
      func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        NOOPMetricsHandler.instance
      }
      func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
      ) -> any RecorderHandler { NOOPMetricsHandler.instance }
      func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { timer }
      func destroyCounter(_ handler: any CounterHandler) {}
      func destroyRecorder(_ handler: any RecorderHandler) {}
      func destroyTimer(_ handler: any TimerHandler) {}
    }
    let factory = Factory()
    MeanTimer(.handlerTime, dimensions: [("consumer", "c")], factory: factory).record(nanoseconds: 3000, of: 3)
    #expect(factory.timer.seen == [1000])
  }

  @Test func `names from scripts cannot break out of a label`() {
    let registry = MetricsRegistry()
    let name = "a\"} 1\nevil{x=\"\\ü"
    let found = lines(registry, [.lag: [Sample([name, "consumer"], 7)]]).filter { $0.contains("lag_positions{") }
    #expect(found == [#"moondance_reader_lag_positions{reader="a\"} 1\nevil{x=\"\\ü",kind="consumer"} 7"#])
  }

  @Test(arguments: [(0.0, "0"), (1.0, "1"), (1e15, "1000000000000000"), (0.5, "0.5"), (-3, "-3"), (1e300, "1e+300")])
  func `numbers are written as Prometheus reads them`(value: Double, text: String) {
    #expect(
      lines(MetricsRegistry(), [.lag: [Sample(["r", "consumer"], value)]]).contains { $0.hasSuffix("} \(text)") })
  }

  @Test func `every figure is named and described as Prometheus wants it`() {
    for figure in Figure.allCases {
      #expect(figure.rawValue.wholeMatch(of: /moondance_[a-z_]+/) != nil)
      #expect(figure.rawValue.hasSuffix("_total") == (figure.kind == .counter), "\(figure.rawValue)")
      #expect((figure.kind == .histogram) == !figure.bounds.isEmpty && figure.bounds == figure.bounds.sorted())
      #expect(figure.help.hasSuffix(".") && !figure.help.contains("\n"))
      #expect(
        Set(figure.labels).isSubset(of: [
          "consumer", "destination", "reader", "kind", "view", "operation", "status", "outcome", "process",
        ]))
    }
  }

  /// The table of docs/operations.md: name, kind, labels, meaning.
  @Test func `the operators' guide lists exactly these figures`() throws {
    let guide = try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/operations.md"),
      encoding: .utf8)
    let rows = guide.split(separator: "\n").map(String.init)
      .filter { $0.firstMatch(of: /^\| `moondance_[a-z_]+` \| (counter|gauge|histogram) \|/) != nil }
    let wanted = Figure.allCases.map { figure in
      "| `\(figure.rawValue)` | \(figure.kind.rawValue) | "
        + "\(figure.labels.map { "`\($0)`" }.joined(separator: ", ")) | \(figure.help) |"
    }
    #expect(rows == wanted.map { $0.replacing("|  |", with: "| |") })
  }

  @Test func `all of it at once from many threads is all there`() {
    let registry = MetricsRegistry()
    DispatchQueue.concurrentPerform(iterations: 8) { number in
      let counter = Counter(
        .retries, dimensions: [("reader", "r\(number % 2)")], factory: registry)
      for _ in 0..<10_000 { counter.increment() }
    }
    let found = lines(registry).filter { $0.hasPrefix("moondance_retries_total") }
    #expect(found == [#"moondance_retries_total{reader="r0"} 40000"#, #"moondance_retries_total{reader="r1"} 40000"#])
  }
}
