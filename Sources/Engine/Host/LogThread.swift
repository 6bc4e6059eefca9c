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

  private let inbox = Inbox<Job>()
  private let work: LogWork
  private let answer: @Sendable (EngineInput) -> Void

  private let log: LogReader
  private let snapshots: SubjectSnapshots?

  init(log: LogReader, snapshots: SubjectSnapshots?, answer: @escaping @Sendable (EngineInput) -> Void) {
    work = LogWork(log: log)
    (self.log, self.snapshots) = (log, snapshots)
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
    var recent = RecentChunks()
    while true {
      _ = inbox.waitAndTakeAll(into: &jobs)
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
