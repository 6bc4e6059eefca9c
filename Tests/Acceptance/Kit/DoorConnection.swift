import Foundation

/// One connection to a daemon that stays open: requests one after the other, blocking.
final class DoorConnection: @unchecked Sendable {
  // Used by one thread at a time.
  private let descriptor: Int32
  private var received: [UInt8] = []

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port)).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw Closed() }
  }

  deinit { close(descriptor) }

  /// The daemon is gone, or has ended the connection.
  struct Closed: Error {}

  func request(_ method: String, _ path: String, body: Data = Data(), type: String? = nil) throws
    -> DaemonProcess.Response
  {
    var head = "\(method) \(path) HTTP/1.1\r\nhost: localhost\r\n"
    if let type { head += "content-type: \(type)\r\ncontent-length: \(body.count)\r\n" }
    send(Data((head + "\r\n").utf8) + body)
    while true {
      let response = try receive()
      if response.status != 100 { return response }
    }
  }

  func postBatch(_ body: Data) throws -> DaemonProcess.Response {
    try request("POST", "/events", body: body, type: "application/cloudevents-batch+json")
  }

  private func send(_ data: Data) {
    data.withUnsafeBytes { bytes in
      var sent = 0
      while sent < bytes.count {
        let count = Foundation.send(descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
        // A request may be refused before it is sent whole: the answer is there to be read.
        guard count > 0 else { return }
        sent += count
      }
    }
  }

  private func receive() throws -> DaemonProcess.Response {
    let end = Array("\r\n\r\n".utf8)
    var headEnd: Int?
    while headEnd == nil {
      headEnd = received.firstRange(of: end)?.upperBound
      if headEnd == nil { try receiveMore() }
    }
    let lines = String(decoding: received[..<(headEnd! - 4)], as: UTF8.self).components(separatedBy: "\r\n")
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    let length = headEnd! + (headers["content-length"].flatMap { Int($0) } ?? 0)
    while received.count < length { try receiveMore() }
    let body = Data(received[headEnd!..<length])
    received.removeSubrange(..<length)
    let status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return DaemonProcess.Response(status: status, body: body, headers: headers)
  }

  private func receiveMore() throws {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count > 0 else { throw Closed() }
    received += buffer[..<count]
  }
}

/// Events of the tests: each with an identity, so that it may be sent again.
enum Pings {
  /// A batch of events `e<number>`; every eighth number has the same subject.
  static func batch(_ numbers: Range<Int>, dataBytes: Int = 0) -> Data {
    let padding = String(repeating: "x", count: dataBytes)
    let events = numbers.map { number in
      """
      {"specversion":"1.0","id":"e\(number)","source":"/pings","type":"Ping","subject":"s-\(number & 7)",\
      "data":{"n":\(number),"pad":"\(padding)"}}
      """
    }
    return Data("[\(events.joined(separator: ","))]".utf8)
  }

  /// Ping → Pong → Pang, by two consumers.
  static let handlers = [
    "forward.lua": #"consumer "forward" { on = { Ping = function(event) emit("Pong", { n = event.data.n }) end } }"#,
    "follow.lua": #"consumer "follow" { on = { Pong = function(event) emit("Pang", { n = event.data.n }) end } }"#,
  ]

  /// What is wrong with a log of pings and of what the consumers above make of them; nil: nothing. Each number of
  /// `acknowledged` is there, everything once, and each reaction once and in order per subject.
  static func problem(in events: [[String: Any]], acknowledged: Set<Int>) -> String? {
    func some(_ type: String) -> [[String: Any]] { events.filter { $0.text("type") == type } }
    let (pings, pongs, pangs) = (some("Ping"), some("Pong"), some("Pang"))
    let ids = pings.map { $0.text("id") }
    if Set(ids).count != ids.count { return "events are there twice" }
    let missing = acknowledged.filter { !ids.contains("e\($0)") }
    if !missing.isEmpty { return "acknowledged and not there: \(missing.sorted())" }
    if pongs.map(\.cause).sorted() != pings.map(\.position) { return "\(pings.count) pings, \(pongs.count) pongs" }
    if pangs.map(\.cause).sorted() != pongs.map(\.position) { return "\(pongs.count) pongs, \(pangs.count) pangs" }
    for (subject, some) in Dictionary(grouping: pongs, by: { $0.text("subject") }) {
      let causes = some.map(\.cause)
      if causes != causes.sorted() { return "\(subject) was handled out of order" }
    }
    return nil
  }
}
