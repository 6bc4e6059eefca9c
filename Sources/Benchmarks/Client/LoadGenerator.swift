import Glibc

/// Many connections that are kept alive, each with one request under way, driven by the calling thread: as little work
/// as a client can do, since it takes its time from the server that is measured.
struct LoadGenerator {
  private let run: BenchRun
  private let port: Int
  private let connections: Int

  init(_ run: BenchRun, port: Int, connections: Int) {
    (self.run, self.port, self.connections) = (run, port, connections)
  }

  /// Requests a second. `wanted`: the status that each must be answered with.
  func rate(_ requests: [[UInt8]], wanted: Int) throws -> Double {
    let lines = try (0..<connections).map { _ in Line(try LocalSocket(port: port)) }
    var watched = lines.map { pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0) }
    let start = ContinuousClock.now
    var (next, done) = (0, 0)
    for line in lines where next < requests.count {
      try line.socket.send(requests[next])
      next += 1
    }
    while done < requests.count {
      if poll(&watched, nfds_t(connections), 1000) <= 0 || done % 4096 == 0 { try run.goOn() }
      for (number, line) in lines.enumerated() where watched[number].revents != 0 {
        guard let status = try line.receive() else { continue }
        guard status == wanted else { throw BenchError("a request was answered \(status), not \(wanted)") }
        done += 1
        guard next < requests.count else { continue }
        try line.socket.send(requests[next])
        next += 1
      }
    }
    return Double(requests.count) / (ContinuousClock.now - start).seconds
  }

  /// A connection and what has come of its answer.
  private final class Line {
    let socket: LocalSocket
    private var buffer = [UInt8](repeating: 0, count: 4096)
    private var length = 0

    init(_ socket: consuming LocalSocket) { self.socket = socket }

    /// The status of the answer, once it is whole.
    func receive() throws -> Int? {
      let length = length
      self.length += try buffer.withUnsafeMutableBytes {
        try socket.receive(into: UnsafeMutableRawBufferPointer(rebasing: $0[length...]))
      }
      let response = try buffer.withUnsafeBytes { try Response(UnsafeRawBufferPointer(rebasing: $0[..<self.length])) }
      guard let response else { return nil }
      self.length = 0
      return response.status
    }
  }
}
