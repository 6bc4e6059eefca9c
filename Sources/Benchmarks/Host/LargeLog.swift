import Foundation

/// The log of ten million events that several workloads look at: sent to a daemon once in a run, as one NDJSON stream,
/// with ids. The daemon is killed at the end, not stopped.
struct LargeLog: Sendable {
  let handlers: String
  let data: String
  /// Of the daemon that took the events, once it had all of them: MB in RAM, and the most that ever were.
  let resident: Double
  let peak: Double

  /// Makes it for whoever comes first, and keeps it for the others of the run.
  actor Shelf {
    private var log: LargeLog?

    fileprivate func take(_ run: BenchRun) throws -> LargeLog {
      if let log { return log }
      let made = try LargeLog(run)
      log = made
      return made
    }
  }

  static func of(_ run: BenchRun) async throws -> LargeLog { try await run.largeLog.take(run) }

  private init(_ run: BenchRun) throws {
    handlers = try run.quietHandlers()
    data = run.newFolder()
    let daemon = try DaemonProcess(run, handlers: handlers, data: data)
    let stream = try EventStream(port: daemon.port)
    let part = 10_000
    for first in stride(from: 0, to: run.events, by: part) {
      try run.goOn()
      if first % 100_000 == 0 { run.progress("large log: \(FigureText.size(Double(first))) events") }
      try stream.send(CloudEventText.lines(first..<min(run.events, first + part), subjects: run.subjects))
    }
    try stream.end()
    (resident, peak) = (daemon.resident, daemon.peak)
    daemon.kill()
  }
}

/// A stream of events on its way to a daemon.
struct EventStream: ~Copyable {
  private let socket: LocalSocket

  init(port: Int) throws {
    let socket = try LocalSocket(port: port)
    try socket.send(RequestText.head("/events", "application/x-ndjson", "Transfer-Encoding: chunked"))
    self.socket = socket
  }

  func send(_ lines: [UInt8]) throws {
    try socket.send(Array("\(String(lines.count, radix: 16))\r\n".utf8))
    try socket.send(lines)
    try socket.send([13, 10])
  }

  /// Returns once all of it is durable.
  func end() throws {
    try socket.send(Array("0\r\n\r\n".utf8))
    let status = try socket.answer().status
    guard status == 201 else { throw BenchError("the stream was answered \(status)") }
  }
}
