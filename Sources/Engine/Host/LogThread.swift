import Events
import LogStorage
import Platform

/// The reader thread: does the engine's reading of the log, so that a turn never waits for the disk.
final class LogThread: Sendable {
  private enum Job: Sendable {
    case fetch(FetchRequest)
    case lookUp(LookupRequest)
    case read(LetterRequest)
    case timers(TimerRequest)
    case keep(KeptSubject)
    case message(DeliveryOrder, @Sendable (LogChunk) -> Void)
    case stop
  }

  /// How long it keeps what it has read while nobody wants anything, in ns.
  private static let keepsRecent: UInt64 = 1_000_000_000

  private let inbox = Inbox<Job>()
  private let work: LogWork
  private let answer: @Sendable (EngineInput) -> Void

  private let log: LogReader
  private let snapshots: SubjectSnapshots?

  private let clock: any HostClock
  private let recentBytes: Int

  /// - recentBytes: memory for what it has read, while readers go over the log.
  init(
    log: LogReader, snapshots: SubjectSnapshots?, clock: any HostClock, recentBytes: Int,
    answer: @escaping @Sendable (EngineInput) -> Void
  ) {
    work = LogWork(log: log)
    (self.log, self.snapshots, self.clock, self.recentBytes) = (log, snapshots, clock, recentBytes)
    self.answer = answer
  }

  func start() -> NamedThread {
    NamedThread.start(name: "log-reader") { self.loop() }
  }

  func fetch(_ request: FetchRequest) { inbox.put(.fetch(request)) }
  func lookUp(_ request: LookupRequest) { inbox.put(.lookUp(request)) }
  func read(_ request: LetterRequest) { inbox.put(.read(request)) }
  func read(_ request: TimerRequest) { inbox.put(.timers(request)) }
  func keep(_ state: KeptSubject) { if snapshots != nil { inbox.put(.keep(state)) } }
  /// Reads the chunk that holds the order's message.
  func readMessage(of order: DeliveryOrder, _ body: @escaping @Sendable (LogChunk) -> Void) {
    inbox.put(.message(order, body))
  }
  func stop() { inbox.put(.stop) }

  private func loop() {
    var jobs: [Job] = []
    var recent = RecentChunks(limit: recentBytes)
    while true {
      let idle = recent.isEmpty ? nil : clock.monotonicNanoseconds() + Self.keepsRecent
      if !inbox.waitAndTakeAll(into: &jobs, until: idle), let idle, clock.monotonicNanoseconds() >= idle {
        recent.forget()
      }
      for job in jobs {
        switch job {
        case .fetch(let request): answer(work.fetch(request, recent: &recent))
        case .lookUp(let request): answer(work.lookUp(request))
        case .read(let request): answer(work.read(request))
        case .timers(let request): answer(work.read(request))
        case .message(let order, let body):
          switch work.readMessage(of: order) {
          case .success(let chunk): body(chunk)
          case .failure(let failure): answer(.delivered(order.report(.failed(failure), nil)))
          }
        case .keep(let state): snapshots?.keep(state, log)
        case .stop: return
        }
      }
    }
  }
}
