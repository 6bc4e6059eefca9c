import Foundation
import NIOPosix
import TestKit

/// A connection that sends whatever bytes a test wants. Blocking; use `offPool`.
final class RawClient: @unchecked Sendable {
  private let descriptor: Int32
  private var received: [UInt8] = []

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  struct Response {
    var status: Int
    var headers: [String: String]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    func json() throws -> [String: Any] {
      try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] ?? [:]
    }
    func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
      try JSONDecoder().decode(type, from: Data(body))
    }
  }

  init(port: Int, receiveBuffer: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var size = receiveBuffer {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port)).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw Failure(description: "connect: errno \(errno)") }
  }

  deinit { close(descriptor) }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  /// Sends as much as the peer takes. An error means that it has closed.
  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Failure(description: "send: errno \(errno)") }
      sent += count
    }
  }

  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Whether the peer has closed or reset the connection, whatever still lies in the buffer.
  var isClosedByPeer: Bool {
    let hangUp: Int16 = 0x2000  // POLLRDHUP, which Glibc's module does not name
    var wait = pollfd(fd: descriptor, events: hangUp, revents: 0)
    return poll(&wait, 1, 0) > 0 && wait.revents & (hangUp | Int16(POLLHUP) | Int16(POLLERR)) != 0
  }

  /// Reads until `done` says so; false when the peer closed first.
  func receive(within seconds: Double = 20, until done: ([UInt8]) -> Bool) throws -> Bool {
    let seconds = seconds * Double(Slowness.factor)
    let deadline = Date(timeIntervalSinceNow: seconds)
    while !done(received) {
      var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let left = deadline.timeIntervalSinceNow
      guard left > 0, poll(&wait, 1, Int32(left * 1000) + 1) > 0 else {
        throw Failure(
          description:
            "nothing came for \(seconds) s; last was \(String(decoding: received.suffix(300), as: UTF8.self))")
      }
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count <= 0 { return false }
      received += buffer[..<count]
    }
    return true
  }

  /// Waits until the peer has closed; everything that came and was not taken.
  func receiveAll(within seconds: Double = 20) throws -> String {
    _ = try receive(within: seconds) { _ in false }
    return String(decoding: received, as: UTF8.self)
  }

  /// Waits until `text` has come, and takes everything up to its end.
  func receive(through text: String, within seconds: Double = 20) throws -> String {
    let needle = Array(text.utf8)
    guard try receive(within: seconds, until: { $0.firstRange(of: needle) != nil }) else {
      throw Failure(
        description: "closed before \(text); last was \(String(decoding: received.suffix(300), as: UTF8.self))")
    }
    let end = received.firstRange(of: needle)!.upperBound
    defer { received.removeFirst(end) }
    return String(decoding: received[..<end], as: UTF8.self)
  }

  /// Reads one answer. Nil when the peer closes without one.
  func response(within seconds: Double = 20) throws -> Response? {
    let gap = Array("\r\n\r\n".utf8)
    guard try receive(within: seconds, until: { $0.firstRange(of: gap) != nil }) else { return nil }
    let end = received.firstRange(of: gap)!
    let lines = String(decoding: received[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
    let status = Int(lines[0].split(separator: " ")[1]) ?? 0
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let colon = line.firstIndex(of: ":")!
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    received.removeFirst(end.upperBound)
    if status == 100 { return Response(status: 100, headers: headers, body: []) }
    let length = Int(headers["content-length"] ?? "0")!
    guard try receive(within: seconds, until: { $0.count >= length }) else {
      throw Failure(description: "closed in the middle of an answer")
    }
    defer { received.removeFirst(length) }
    return Response(status: status, headers: headers, body: Array(received[..<length]))
  }
}

/// Runs blocking work where it does not keep the server's tasks from running.
func offPool<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
  try await testThreads.runIfActive(body)
}

private let testThreads: NIOThreadPool = {
  let pool = NIOThreadPool(numberOfThreads: 32)
  pool.start()
  return pool
}()
