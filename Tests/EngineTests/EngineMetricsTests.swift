import Metering
import TestKit
import Testing

@testable import Engine

/// What the engine counts of its work.
struct EngineMetricsTests {
  /// What is counted in `world` from now on.
  private func measure(_ world: World) -> MetricsRegistry {
    let registry = MetricsRegistry()
    world.core.metrics = EngineMetrics(factory: registry)
    return registry
  }

  private func value(_ name: String, _ registry: MetricsRegistry) -> Double? {
    let lines = Exposition.text(registry, gauges: [:]).split(separator: "\n")
    return lines.first { $0.hasPrefix(name + " ") }.flatMap { Double($0.split(separator: " ").last!) }
  }

  @Test func `what is appended, by entries, commits and bytes`() throws {
    let world = try World(scripts: ["a.lua": "consumer \"c\" { on = { T = function() emit(\"U\") end } }"])
    try world.settle()
    let (head, bytes) = (world.status.head, world.status.logBytes)
    let registry = measure(world)
    for n in 1...10 { world.emit("T", "s-\(n)") }
    try world.settle()
    #expect(world.status.head - head == 20)
    #expect(value("moondance_append_entries_total", registry) == 20)
    #expect(value("moondance_append_bytes_total", registry) == Double(world.status.logBytes - bytes))
    #expect(value("moondance_group_entries_sum", registry) == 20)
    let groups = try #require(value("moondance_group_entries_count", registry))
    #expect(try #require(value("moondance_append_commits_total", registry)) >= groups)
    #expect(try #require(value("moondance_turns_total", registry)) >= groups)
    #expect(value(#"moondance_handler_seconds_count{consumer="c"}"#, registry) == 10)
  }

  @Test func `calls that fail are retries until they are dead letters`() throws {
    let world = try World(scripts: [
      "a.lua": """
      consumer "c" { retry = { attempts = 3, first = "1s", jitter = 0 }, on = { T = function() error("no") end } }
      """
    ])
    let registry = measure(world)
    world.emit("T", "a")
    for _ in 1...3 {
      try world.settle()
      world.clock.advance(microseconds: 10_000_000)
    }
    #expect(value(#"moondance_retries_total{reader="c"}"#, registry) == 2)
    #expect(value(#"moondance_dead_letters_total{reader="c"}"#, registry) == 1)
    #expect(value(#"moondance_handler_seconds_count{consumer="c"}"#, registry) == 3)
  }

  @Test func `deliveries by how they ended, and how long they took`() throws {
    let world = try World(scripts: ["a.lua": OutboxTests.warehouse])
    let registry = measure(world)
    for n in 1...4 { world.emit("Placed", "o-\(n)", #"{"n":\#(n)}"#) }
    try world.settle()
    world.clock.advance(microseconds: 20_000)
    var answers: [DeliveryOutcome] = [
      .delivered(nil), World.refused(), World.unavailable(), .failed(DeliveryFailure(.impossible, "no path")),
    ]
    world.answer { _ in answers.removeFirst() }
    try world.settle()
    for outcome in ["delivered", "refused", "unavailable", "impossible"] {
      #expect(
        value(#"moondance_deliveries_total{destination="warehouse",outcome="\#(outcome)"}"#, registry) == 1,
        "\(outcome)")
    }
    #expect(value(#"moondance_delivery_seconds_count{destination="warehouse"}"#, registry) == 4)
    let sum = try #require(value(#"moondance_delivery_seconds_sum{destination="warehouse"}"#, registry))
    #expect(abs(sum - 0.08) < 1e-9)
    #expect(value(#"moondance_retries_total{reader="warehouse"}"#, registry) == 2)
    #expect(value(#"moondance_dead_letters_total{reader="warehouse"}"#, registry) == 1)
  }
}
