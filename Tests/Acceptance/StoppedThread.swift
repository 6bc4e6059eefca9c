#if os(Linux)
  import Foundation
  import Glibc
  import Synchronization

  /// A thread of another process, stopped the way a debugger stops one, while the rest of the process runs on. For that
  /// process it is a call that does not come back.
  final class StoppedThread: Sendable {
    private enum Order { case letGo, awaitEnd }

    struct Refused: Error { var errno: Int32 }

    private let order = Mutex(Order.letGo)
    private let given = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// Whether this system lets a process stop threads of its children.
    static var isAllowed: Bool {
      let scope = try? String(contentsOfFile: "/proc/sys/kernel/yama/ptrace_scope", encoding: .utf8)
      return (scope?.first ?? "0") <= "1"
    }

    init(_ thread: Int32) throws {
      let (started, failure) = (DispatchSemaphore(value: 0), Failure())
      // All requests must come from one thread.
      Thread.detachNewThread { [self] in
        if Self.ptrace(Self.attach, thread) != 0 {
          failure.errno.withLock { $0 = errno }
          started.signal()
          return
        }
        _ = waitpid(thread, nil, Self.anyThread)
        started.signal()
        given.wait()
        if order.withLock({ $0 }) == .letGo {
          _ = Self.ptrace(Self.detach, thread)
        } else {
          // The process is gone only when who stopped its thread has taken note.
          _ = waitpid(thread, nil, Self.anyThread)
        }
        ended.signal()
      }
      started.wait()
      if let number = failure.errno.withLock({ $0 }) { throw Refused(errno: number) }
    }

    /// It runs on.
    func letGo() { finish(.letGo) }

    /// Waits until its process has ended it.
    func awaitEnd() { finish(.awaitEnd) }

    private func finish(_ what: Order) {
      order.withLock { $0 = what }
      given.signal()
      ended.wait()
    }

    /// The worker of the daemon that uses a processor, stopped in what it does.
    static func busyWorker(of process: Int32) async throws -> StoppedThread {
      var before = ticks(of: process)
      while true {
        try await Task.sleep(for: .milliseconds(20))
        let now = ticks(of: process)
        if let busy = now.first(where: { $0.value > before[$0.key, default: 0] })?.key {
          return try StoppedThread(busy)
        }
        before = now
      }
    }

    /// Processor time of each worker, by thread.
    private static func ticks(of process: Int32) -> [Int32: Int] {
      let folder = "/proc/\(process)/task"
      var ticks: [Int32: Int] = [:]
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
        guard let line = try? String(contentsOfFile: "\(folder)/\(name)/stat", encoding: .utf8),
          line.contains(/\(worker-\d+\)/), let close = line.lastIndex(of: ")"), let thread = Int32(name)
        else { continue }
        let fields = line[close...].split(separator: " ")
        ticks[thread] = (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)
      }
      return ticks
    }

    private final class Failure: Sendable {
      let errno = Mutex<Int32?>(nil)
    }

    // Numbers of <sys/ptrace.h> and <sys/wait.h>; the function itself is variadic there, which Swift does not import.
    private static let attach = 16
    private static let detach = 17
    private static let anyThread: Int32 = 0x4000_0000

    private static func ptrace(_ request: Int, _ thread: Int32) -> Int {
      typealias Call = @convention(c) (Int, Int, Int, Int) -> Int
      return unsafeBitCast(dlsym(nil, "ptrace"), to: Call.self)(request, Int(thread), 0, 0)
    }
  }
#endif
