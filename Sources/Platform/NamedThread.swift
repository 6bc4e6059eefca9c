#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A thread of our own with a name that debuggers and `top -H` show. Blocking work never runs on the cooperative pool.
///
/// `@unchecked Sendable`: the handle is constant, and the one owner joins once.
package final class NamedThread: @unchecked Sendable {
  private let handle: pthread_t
  private var joined = false

  private init(handle: pthread_t) { self.handle = handle }

  /// Starts a thread that runs `body` and ends with it.
  /// - name: shown up to 15 bytes. - stackBytes: rounded up to 4 KiB; scripts need at least 2 MiB.
  package static func start(
    name: String, stackBytes: Int = 2 << 20, _ body: @escaping @Sendable () -> Void
  ) -> NamedThread {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    let rounded = (max(stackBytes, 64 << 10) + 4095) & ~4095
    precondition(pthread_attr_setstacksize(&attributes, rounded) == 0, "no thread can have a stack of \(rounded) bytes")
    let start = ThreadStart(name: name, body: body)
    let argument = Unmanaged.passRetained(start).toOpaque()
    #if canImport(Darwin)
      var handle: pthread_t?
      let result = pthread_create(&handle, &attributes, { NamedThread.run($0) }, argument)
    #else
      var handle = pthread_t()
      let result = pthread_create(&handle, &attributes, { NamedThread.run($0!) }, argument)
    #endif
    precondition(
      result == 0, "the system gives no thread for \"\(name)\" (errno \(result)): raise the limit of processes")
    #if canImport(Darwin)
      return NamedThread(handle: handle!)
    #else
      return NamedThread(handle: handle)
    #endif
  }

  /// Runs `body` on a thread of its own and gives what it returns: what blocks, or wants a deep stack, stays off the
  /// cooperative pool.
  package static func run<Result: Sendable>(
    name: String, stackBytes: Int = 2 << 20, _ body: @escaping @Sendable () -> Result
  ) async -> Result {
    await withCheckedContinuation { continuation in
      _ = start(name: name, stackBytes: stackBytes) { continuation.resume(returning: body()) }
    }
  }

  /// Waits until the thread has ended. Call it at most once, from another thread.
  package func join() {
    precondition(!joined, "a thread is joined once")
    joined = true
    pthread_join(handle, nil)
  }

  /// How much of a processor the calling thread has used so far.
  package static var processorNanoseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// From now on the thread gets a processor only when nobody else wants it, as far as the system can do that.
  package func standBack() {
    #if !canImport(Darwin)
      // SCHED_IDLE, which glibc shows to _GNU_SOURCE only.
      let idle: Int32 = 5
      var parameters = sched_param()
      pthread_setschedparam(handle, idle, &parameters)
    #endif
  }

  deinit { if !joined { pthread_detach(handle) } }

  private static func run(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
    let shown = String(decoding: start.name.utf8.prefix(15), as: UTF8.self)
    #if canImport(Darwin)
      pthread_setname_np(shown)
    #else
      // Glibc shows pthread_setname_np to _GNU_SOURCE only, which Swift's import does not define.
      let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
      if descriptor >= 0 {
        _ = Array(shown.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
      }
    #endif
    start.body()
    return nil
  }
}

private final class ThreadStart: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}
