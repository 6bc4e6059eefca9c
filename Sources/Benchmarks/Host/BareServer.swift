import Glibc
import Platform
import Synchronization

/// What a durable POST costs at least where connections and the log have a thread each: one thread takes whatever arrives on
/// one connection, another one appends and syncs, and the first answers.
final class BareServer: Sendable {
  let port: Int
  private let listener: Int32
  private let shared = Shared()
  private let door: NamedThread
  private let log: NamedThread

  private final class Shared: Sendable {
    /// Rung when something is to be appended, and when it has been.
    let (wanted, done) = (Doorbell(), Doorbell())
    let connection = Atomic<Int32>(-1)
    let isOver = Atomic<Bool>(false)
    let hasFailed = Atomic<Bool>(false)
  }

  /// - bytes: of one append.
  init(folder: String, bytes: Int) throws {
    (listener, port) = try Self.listen()
    log = NamedThread.start(name: "bare-log") { [shared] in
      do {
        let sync = try SyncFloor(folder: folder, bytes: bytes, name: "bare")
        while true {
          shared.wanted.wait()
          if shared.isOver.load(ordering: .acquiring) { return }
          _ = try sync.once()
          shared.done.ring()
        }
      } catch {
        shared.hasFailed.store(true, ordering: .releasing)
        shared.done.ring()
      }
    }
    door = NamedThread.start(name: "bare-door") { [listener, shared] in
      let connection = accept(listener, nil, nil)
      shared.connection.store(connection, ordering: .sequentiallyConsistent)
      var on: Int32 = 1
      setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
      var buffer = [UInt8](repeating: 0, count: 4096)
      while !shared.isOver.load(ordering: .sequentiallyConsistent), recv(connection, &buffer, buffer.count, 0) > 0 {
        shared.wanted.ring()
        shared.done.wait()
        if shared.hasFailed.load(ordering: .acquiring) { break }
        guard Glibc.send(connection, Self.answer, Self.answer.count, Int32(MSG_NOSIGNAL)) > 0 else { break }
      }
    }
  }

  deinit {
    shared.isOver.store(true, ordering: .sequentiallyConsistent)
    shutdown(listener, Int32(SHUT_RDWR))
    shutdown(shared.connection.load(ordering: .sequentiallyConsistent), Int32(SHUT_RDWR))
    shared.wanted.ring()
    shared.done.ring()
    door.join()
    log.join()
    close(shared.connection.load(ordering: .sequentiallyConsistent))
    close(listener)
  }

  private static let answer = Array("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}".utf8)

  private static func listen() throws -> (listener: Int32, port: Int) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in.loopback(port: 0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let done = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && Glibc.listen(listener, 1) == 0 && getsockname(listener, $0, &size) == 0
      }
    }
    guard listener >= 0, done else { throw BenchError("there is no socket to listen on (errno \(errno))") }
    return (listener, Int(in_port_t(bigEndian: address.sin_port)))
  }
}
