import Engine
import Events
import Foundation

/// What blocked keys cost the others: the same backlog is read twice in each round, once with some keys blocked before
/// and once with none. One event in a hundred belongs to a blocked key and joins its queue.
struct BlockedKeysLoad: Sendable {
  let name: String
  let summary: String
  var keys: Int
  /// Every hundredth key.
  var blocked: Int { keys / 100 }
  /// What the consumer says of trying again.
  var retry: String
  var events = 400_000

  /// Tried again after 200 ms, 400 ms, … while the others are measured.
  static let few = BlockedKeysLoad(
    name: "blocked", summary: "W2 with 100 of 10,000 keys blocked, and tried again meanwhile", keys: 10_000, retry: "")
  /// Between two tries.
  static let many = BlockedKeysLoad(
    name: "many-blocked", summary: "W2 with 10,000 of 1,000,000 keys blocked", keys: 1_000_000,
    retry: #"retry = { first = "1h", cap = "1h" },"#)

  var workload: Workload {
    Workload(name, summary) { run in
      let figures = try await run.inRounds(name) {
        try await rate(run, blocking: false)
      } value: {
        try await rate(run, blocking: true)
      }
      return [
        BenchResult(
          name, summary, unit: "reactions/s", figures, floorWhat: "the same with no key blocked",
          budget: .partOfFloor(0.9))
      ]
    }
  }

  private var source: String {
    """
    consumer "react" {
      from = "start", \(retry)
      on = { Ping = function(event)
        if event.data.fails then error("not now") end
        emit("Pong", { n = event.data.n + 1 })
      end },
    }
    """
  }

  /// Reactions a second to a backlog, from the moment when the consumer goes on until the last one is durable.
  private func rate(_ run: BenchRun, blocking: Bool) async throws -> Double {
    try await BenchHost.with(run) { host in
      try await host.deploy(source)
      if blocking { try await block(host) }
      guard case .done = await host.engine.act(.pause, on: "react", by: "bench") else {
        throw BenchError("the consumer cannot be paused")
      }
      let before = host.engine.durable.rawValue
      try await host.append(backlog(host))
      let reactions = blocking ? events - events / 100 : events
      let time = try await seconds {
        _ = await host.engine.act(.resume, on: "react", by: "bench")
        try await host.wait(for: before + UInt64(events + reactions))
      }
      let status = await host.engine.status().readers[0]
      guard status.blockedKeys == (blocking ? blocked : 0), status.queued == status.blockedKeys + events - reactions
      else {
        throw BenchError("\(status.blockedKeys) keys are blocked, \(status.queued) events wait")
      }
      return Double(reactions) / time
    }
  }

  /// Blocks every hundredth key.
  private func block(_ host: BenchHost) async throws {
    let batches = stride(from: 0, to: blocked, by: 1000).map { first in
      let batch = EntryBatch(hash: host.engine.hash)
      for number in first..<min(first + 1000, blocked) {
        batch.add("Ping", subject(number * 100), json: #"{"fails":true}"#.utf8)
      }
      return batch
    }
    try await host.append(batches)
    while await host.engine.status().readers[0].blockedKeys < blocked { await Task.yield() }
  }

  private func backlog(_ host: BenchHost) -> [EntryBatch] {
    stride(from: 0, to: events, by: 1000).map { first in
      let batch = EntryBatch(hash: host.engine.hash, capacity: 1000 * 120)
      for number in first..<(first + 1000) {
        // A step that has no factor in common with the number of keys goes through all of them, far apart; the last
        // two digits are those of the event, so that every hundredth event has a blocked key.
        let key = number % 100 + (number / 100 * 7919) % (keys / 100) * 100
        batch.add(
          "Ping", subject(key), json: #"{"n":\#(number),"pad":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#.utf8)
      }
      return batch
    }
  }

  private func subject(_ key: Int) -> String { "subject-\(key)" }
}
