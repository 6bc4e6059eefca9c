import Glibc

/// A TCP connection to this machine.
struct LocalSocket: ~Copyable {
  let descriptor: Int32

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw BenchError("there is no socket (errno \(errno))") }
    var address = sockaddr_in.loopback(port: port)
    let done = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard done == 0 else { throw BenchError("127.0.0.1:\(port) does not answer (errno \(errno))") }
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { bytes in
      var sent = 0
      while sent < bytes.count {
        let count = Glibc.send(descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw BenchError("the daemon has closed the connection (errno \(errno))") }
        sent += count
      }
    }
  }

  /// Reads what there is, at least a byte.
  func receive(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      let count = recv(descriptor, buffer.baseAddress!, buffer.count, 0)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw BenchError("the daemon has closed the connection (errno \(errno))") }
      return count
    }
  }

  /// Sends a request and waits for its answer.
  func ask(_ request: [UInt8]) throws -> Response {
    try send(request)
    return try answer()
  }

  func answer() throws -> Response {
    try withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 8) { buffer in
      var length = 0
      while true {
        length += try receive(into: UnsafeMutableRawBufferPointer(rebasing: buffer[length...]))
        if let response = try Response(UnsafeRawBufferPointer(rebasing: buffer[..<length])) { return response }
      }
    }
  }
}

extension sockaddr_in {
  /// A port of 127.0.0.1; 0: any that is free.
  static func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }
}
