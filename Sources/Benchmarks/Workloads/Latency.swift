/// How long a single sender waits on a host that has nothing else to do.
enum Latency {
  static let workload: Workload = Workload("latency", "idle host: from a POST to its durable answer") { run in
    let handlers = try run.quietHandlers()
    return try await DaemonProcess.with(run, handlers: handlers, data: run.newFolder()) { daemon in
      let socket = try LocalSocket(port: daemon.port)
      var sent = 0
      let figures = try await run.inRounds("latency") {
        try Floors.oneSync(count: samples, folder: run.folder)
      } value: {
        var times: [Double] = []
        for _ in 0..<samples {
          let request = RequestText.post("/events", "application/cloudevents+json", CloudEventText.event(sent))
          sent += 1
          try await Task.sleep(for: .milliseconds(2))
          let start = ContinuousClock.now
          let status = try socket.ask(request).status
          times.append((ContinuousClock.now - start).seconds * 1e6)
          guard status == 201 else { throw BenchError("an event was answered \(status)") }
        }
        return BenchResult.median(times)
      }
      return [
        BenchResult(
          "latency", workload.summary, unit: "µs", figures, floorWhat: "one 4 KiB append + fdatasync",
          budget: .timesFloor(2))
      ]
    }
  }

  private static let samples = 200
}
