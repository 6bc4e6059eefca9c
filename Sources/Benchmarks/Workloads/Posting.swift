import Events

/// W4: a request for each event, on connections that are kept alive, answered when it is durable.
enum Posting {
  static let workload: Workload = Workload("W4", "HTTP, one event per POST, durable") { run in
    let handlers = try run.quietHandlers()
    return try await DaemonProcess.with(run, handlers: handlers, data: run.newFolder()) { daemon in
      let load = LoadGenerator(run, port: daemon.port, connections: connections)
      var sent = 0
      let figures = try await run.inRounds("W4") {
        try load.rate([[UInt8]](repeating: nothing, count: requests), wanted: 200)
      } value: {
        let numbers = sent..<(sent + requests)
        sent += requests
        return try load.rate(
          numbers.map { RequestText.post("/events", "application/cloudevents+json", CloudEventText.event($0)) },
          wanted: 201)
      }
      return [
        BenchResult(
          "W4", workload.summary, unit: "requests/s", figures,
          floorWhat: "as many bytes by POST that append nothing: an empty batch", budget: .partOfFloor(0.5))
      ]
    }
  }

  private static let connections = 64
  private static let requests = 50_000

  /// A request to the same server that goes the whole way through it but for the engine: a batch of no events, filled up
  /// with blanks to the size of an event.
  private static let nothing: [UInt8] = {
    let blanks = [UInt8](repeating: UInt8(ascii: " "), count: CloudEventText.event(100_000).count - 2)
    return RequestText.post(
      "/events", "application/cloudevents-batch+json", [UInt8(ascii: "[")] + blanks + [UInt8(ascii: "]")])
  }()
}
