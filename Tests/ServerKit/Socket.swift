internal import CTLSServer
internal import Glibc

/// Sockets on 127.0.0.1, blocking.
enum Loopback {
  struct Failure: Error {
    var operation: String
    var number: Int32
  }

  /// A listening socket and its port; 0: one that is free.
  static func listen(port: UInt16) throws -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = address(port)
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
    }
    guard isBound, Glibc.listen(descriptor, 512) == 0 else {
      defer { close(descriptor) }
      throw Failure(operation: "bind to port \(port)", number: errno)
    }
    var named = length
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &named) }
    }
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }

  /// A port that nobody listened on a moment ago.
  static func freePort() throws -> UInt16 {
    let (descriptor, port) = try listen(port: 0)
    close(descriptor)
    return port
  }

  /// Whether somebody accepts connections there.
  static func answers(port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    var address = address(port)
    return withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private static func address(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr = in_addr(s_addr: UInt32(0x7f00_0001).bigEndian)
    return address
  }
}

/// An accepted connection, with TLS or without. One thread reads and writes; others may break it.
final class ServerConnection: @unchecked Sendable {
  let descriptor: Int32
  private var session: UnsafeMutableRawPointer?

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  /// Makes it a connection of TLS, before anything else; false when the other side does not want that.
  func secure(_ server: UnsafeMutableRawPointer) -> Bool {
    session = moondance_tls_accept(server, descriptor)
    return session != nil
  }

  func read(atMost limit: Int = 64 << 10) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = session.map { moondance_tls_read($0, &bytes, limit) } ?? Glibc.read(descriptor, &bytes, limit)
    return count > 0 ? Array(bytes.prefix(count)) : nil
  }

  @discardableResult
  func write(_ bytes: [UInt8]) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        let rest = bytes.baseAddress! + done
        return session.map { moondance_tls_write($0, rest, bytes.count - done) }
          ?? send(descriptor, rest, bytes.count - done, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      done += count
    }
    return true
  }

  /// Any thread: whoever reads or writes comes back.
  func breakOff() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// The last use, of the thread that reads. `isReset`: with a RST.
  func finish(isReset: Bool) {
    if isReset {
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    }
    if let session { moondance_tls_free(session) }
    close(descriptor)
  }
}
