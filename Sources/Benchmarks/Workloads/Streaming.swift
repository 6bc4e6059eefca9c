/// W5: one request with a stream of events, each with an id that the daemon must know again.
enum Streaming {
  static let workload: Workload = Workload("W5", "HTTP, one NDJSON stream of CloudEvents, durable") { run in
    let handlers = try run.quietHandlers()
    return try await DaemonProcess.with(run, handlers: handlers, data: run.newFolder()) { daemon in
      var sent = 0
      let figures = try await run.inRounds("W5") {
        try await Appending.rate(run)
      } value: {
        let parts = stride(from: sent, to: sent + count, by: part).map { CloudEventText.lines($0..<($0 + part)) }
        sent += count
        let start = ContinuousClock.now
        let stream = try EventStream(port: daemon.port)
        for lines in parts { try stream.send(lines) }
        try stream.end()
        return Double(count) / (ContinuousClock.now - start).seconds
      }
      return [
        BenchResult(
          "W5", workload.summary, unit: "events/s", figures, floorWhat: "W1 of the same run",
          budget: .partOfFloorAndAtLeast(0.3, 300_000))
      ]
    }
  }

  private static let (count, part) = (500_000, 1000)
}
