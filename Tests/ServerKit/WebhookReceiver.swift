internal import CTLSServer
internal import Glibc
internal import Platform
internal import Synchronization

/// A far side for webhooks on 127.0.0.1, which misbehaves on command. HTTP/1.1 with keep-alive over plain sockets, a
/// thread for each connection. Whoever makes one stops it.
package final class WebhookReceiver: Sendable {
  package struct Request: Sendable {
    package var method: String
    /// With the query.
    package var path: String
    /// By names in lower case.
    package var headers: [String: String]
    package var body: [UInt8]
    /// Counts the connections since the receiver was made.
    package var connection: Int

    package var text: String { String(decoding: body, as: UTF8.self) }
  }

  /// What a request gets.
  package enum Reply: Sendable {
    case answer(Int, headers: [String: String] = [:], body: [UInt8] = [])
    /// Never an answer; the connection stays.
    case hang
    /// The connection is closed without an answer, or broken with a RST.
    case close
    case reset
    /// A head that promises more than what comes, then the end.
    case cutOff(Int, promised: Int, body: [UInt8])
    /// Each byte of the answer after a pause of so many µs.
    case slow(Int, body: [UInt8], pause: UInt32)
    /// Whatever it is, it is no HTTP.
    case raw([UInt8])
  }

  package typealias Behaviour = @Sendable (Request) -> Reply

  private struct State {
    var behaviour: Behaviour
    var requests: [Request] = []
    var listener: Int32 = -1
    var open: [Int: ServerConnection] = [:]
    var connections = 0
    var threads: [NamedThread] = []
  }

  private let state: Mutex<State>
  /// The same after a restart.
  package let port: UInt16
  private let server: TLS?

  private struct TLS: @unchecked Sendable { let context: UnsafeMutableRawPointer }

  /// Listens on a free port, with TLS when it has a certificate.
  package init(
    certificate: TestCertificate? = nil, _ behaviour: @escaping Behaviour = { _ in .answer(200) }
  ) throws {
    if let certificate {
      guard let context = moondance_tls_server(certificate.path, certificate.keyPath) else {
        throw Loopback.Failure(operation: "TLS with \(certificate.path)", number: 0)
      }
      server = TLS(context: context)
    } else {
      server = nil
    }
    port = try Loopback.freePort()
    state = Mutex(State(behaviour: behaviour))
    try start()
  }

  package var url: String { "\(server == nil ? "http" : "https")://127.0.0.1:\(port)" }

  /// All that came, in the order in which they were complete.
  package var requests: [Request] { state.withLock { $0.requests } }

  package func forget() { state.withLock { $0.requests = [] } }

  /// From the next request on.
  package func behave(_ behaviour: @escaping Behaviour) { state.withLock { $0.behaviour = behaviour } }

  /// Listens again, after `stop`.
  package func start() throws {
    let (descriptor, _) = try Loopback.listen(port: port)
    let thread = NamedThread.start(name: "receiver") { [self] in accept(on: descriptor) }
    state.withLock { state in
      state.listener = descriptor
      state.threads.append(thread)
    }
  }

  /// Breaks all connections; whoever connects is refused. Returns when nothing of it runs any more.
  package func stop() {
    let threads = state.withLock { state in
      defer { (state.listener, state.threads) = (-1, []) }
      if state.listener >= 0 { shutdown(state.listener, Int32(SHUT_RDWR)) }
      for connection in state.open.values { connection.breakOff() }
      return state.threads
    }
    for thread in threads { thread.join() }
  }

  private func accept(on listener: Int32) {
    defer { close(listener) }
    while true {
      let descriptor = Glibc.accept(listener, nil, nil)
      if descriptor < 0 {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return
      }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      var one: Int32 = 1
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
      let connection = ServerConnection(descriptor)
      state.withLock { state in
        if state.listener != listener { return connection.finish(isReset: false) }
        state.connections += 1
        let number = state.connections
        state.open[number] = connection
        state.threads.append(
          NamedThread.start(name: "receiver-\(number)", stackBytes: 256 << 10) { [self] in
            let isReset = server.map { connection.secure($0.context) } ?? true && serve(connection, number)
            self.state.withLock { $0.open[number] = nil }
            connection.finish(isReset: isReset)
          })
      }
    }
  }

  /// True: end it with a reset.
  private func serve(_ connection: ServerConnection, _ number: Int) -> Bool {
    var buffer: [UInt8] = []
    while let request = Self.read(connection, number, &buffer) {
      let behaviour = state.withLock { state in
        state.requests.append(request)
        return state.behaviour
      }
      switch behaviour(request) {
      case .answer(let status, let headers, let body):
        guard connection.write(Self.head(status, headers, body.count) + (request.method == "HEAD" ? [] : body)) else {
          return false
        }
      case .hang:
        while connection.read() != nil {}
        return false
      case .close: return false
      case .reset: return true
      case .cutOff(let status, let promised, let body):
        connection.write(Self.head(status, [:], promised) + body)
        return false
      case .slow(let status, let body, let pause):
        for byte in Self.head(status, [:], body.count) + body {
          guard connection.write([byte]) else { return false }
          usleep(pause)
        }
      case .raw(let bytes):
        connection.write(bytes)
        return false
      }
    }
    return false
  }

  private static func head(_ status: Int, _ headers: [String: String], _ length: Int) -> [UInt8] {
    var text = "HTTP/1.1 \(status) Status\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    if status != 204 && status != 304 { text += "Content-Length: \(length)\r\n" }
    return Array("\(text)\r\n".utf8)
  }

  /// Nil at the end of the connection.
  private static func read(_ connection: ServerConnection, _ number: Int, _ buffer: inout [UInt8]) -> Request? {
    let end = Array("\r\n\r\n".utf8)
    var headEnd: Int?
    while headEnd == nil {
      headEnd = buffer.indices.first { $0 + 4 <= buffer.count && buffer[$0] == 13 && Array(buffer[$0..<$0 + 4]) == end }
      if headEnd == nil {
        guard let more = connection.read() else { return nil }
        buffer += more
      }
    }
    let lines = String(decoding: buffer[..<headEnd!], as: UTF8.self).split(separator: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count == 3 else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      headers[parts[0].lowercased()] = parts.count == 2 ? String(parts[1].drop { $0 == " " }) : ""
    }
    buffer.removeFirst(headEnd! + 4)
    let length = headers["content-length"].flatMap { Int($0) } ?? 0
    while buffer.count < length {
      guard let more = connection.read() else { return nil }
      buffer += more
    }
    let body = Array(buffer.prefix(length))
    buffer.removeFirst(length)
    return Request(
      method: String(words[0]), path: String(words[1]), headers: headers, body: body, connection: number)
  }
}
