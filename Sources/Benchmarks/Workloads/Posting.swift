import Events

/// W4: a request for each event, on connections that are kept alive, answered when it is durable.
enum Posting {
  static let workload: Workload = Workload("W4", "HTTP, one event per POST, durable") { run in
    let handlers = try run.quietHandlers()
    return try await DaemonProcess.with(run, handlers: handlers, data: run.newFolder()) { daemon in
      let load = LoadGenerator(run, port: daemon.port, connections: connections)
      var sent = 0
      var processor: (values: [Double], floors: [Double]) = ([], [])
      /// The rate, and µs of the daemon's threads for each request.
      func send(_ requests: [[UInt8]], wanted: Int) throws -> (rate: Double, processor: Double) {
        let before = daemon.processorSeconds
        let rate = try load.rate(requests, wanted: wanted)
        return (rate, (daemon.processorSeconds - before) * 1e6 / Double(requests.count))
      }
      let figures = try await run.inRounds("W4") {
        let floor = try send([[UInt8]](repeating: nothing, count: requests), wanted: 200)
        processor.floors.append(floor.processor)
        return floor.rate
      } value: {
        let numbers = sent..<(sent + requests)
        sent += requests
        let value = try send(
          numbers.map { RequestText.post("/events", "application/cloudevents+json", CloudEventText.event($0)) },
          wanted: 201)
        processor.values.append(value.processor)
        return value.rate
      }
      return [
        BenchResult(
          "W4", workload.summary, unit: "requests/s", figures,
          floorWhat: floorWhat, budget: .partOfFloor(0.5)),
        BenchResult(
          "W4-processor", "processor time of all the daemon's threads for one such request", unit: "µs", processor,
          floorWhat: floorWhat, budget: .nothing),
      ]
    }
  }

  private static let floorWhat = "as many bytes by POST that append nothing: an empty batch"
  private static let connections = 64
  private static let requests = 50_000

  /// A request to the same server that goes the whole way through it but for the engine: a batch of no events, filled up
  /// with blanks to the size of an event.
  static let nothing: [UInt8] = {
    let blanks = [UInt8](repeating: UInt8(ascii: " "), count: CloudEventText.event(100_000).count - 2)
    return RequestText.post(
      "/events", "application/cloudevents-batch+json", [UInt8(ascii: "[")] + blanks + [UInt8(ascii: "]")])
  }()
}
