import Events
import LogStorage

/// How long a single sender waits on a host that has nothing else to do.
enum Latency {
  static let workload: Workload = Workload("latency", "idle host: from a POST to its durable answer") { run in
    let handlers = try run.quietHandlers()
    return try await DaemonProcess.with(run, handlers: handlers, data: run.newFolder()) { daemon in
      let socket = try LocalSocket(port: daemon.port)
      let sync = try SyncFloor(folder: run.folder, bytes: try bytesInLog(of: CloudEventText.event(0)))
      var sent = 0
      let figures = try await run.inPairs("latency", pairs: 300) {
        try sync.once()
      } value: {
        let request = RequestText.post("/events", "application/cloudevents+json", CloudEventText.event(sent))
        sent += 1
        return try time(request, to: socket, wanted: 201)
      }
      let door = try await run.inPairs("latency-door", pairs: 300) {
        try sync.once()
      } value: {
        try time(Posting.nothing, to: socket, wanted: 200)
      }
      let bare = try BareServer(folder: run.folder, bytes: try bytesInLog(of: CloudEventText.event(0)))
      defer { withExtendedLifetime(bare) {} }
      let wire = try LocalSocket(port: bare.port)
      let request = RequestText.post("/events", "application/cloudevents+json", CloudEventText.event(0))
      let barely = try await run.inPairs("latency-bare", pairs: 300) {
        try sync.once()
      } value: {
        try time(request, to: wire, wanted: 201)
      }
      return [
        BenchResult(
          "latency", workload.summary, unit: "µs", figures, floorWhat: floorWhat, budget: .timesFloor(2)),
        BenchResult(
          "latency-door", "the same for an empty batch, which neither the engine nor the disk hears of", unit: "µs",
          door, floorWhat: floorWhat, budget: .nothing),
        BenchResult(
          "latency-bare", "the same POST to a thread that reads no more than that there is one, and has another sync",
          unit: "µs", barely, floorWhat: floorWhat, budget: .nothing),
      ]
    }
  }

  /// µs from a request to its answer.
  private static func time(_ request: [UInt8], to socket: borrowing LocalSocket, wanted: Int) throws -> Double {
    let start = ContinuousClock.now
    let status = try socket.ask(request).status
    let time = (ContinuousClock.now - start).seconds * 1e6
    guard status == wanted else { throw BenchError("a POST was answered \(status)") }
    return time
  }

  static let floorWhat = "one append of as many bytes as an event takes in the log + fdatasync"

  /// Of a commit with one event.
  private static func bytesInLog(of event: [UInt8]) throws -> Int {
    let batch = EntryBatch(hash: StableHash(seed: 1), capacity: 512)
    try event.withUnsafeBytes { try CloudEventDecoder().decode($0, into: batch) }
    return CommitHeader.size + batch.bytes.count
  }
}
