import Events
import LogStorage
import Platform

/// The reader thread: does the engine's reading of the log, so that a turn never waits for the disk.
final class LogThread: Sendable {
  private enum Job: Sendable {
    case fetch(FetchRequest)
    case lookUp(LookupRequest)
    case stop
  }

  private let inbox = Inbox<Job>()
  private let log: LogReader
  private let answer: @Sendable (EngineInput) -> Void

  init(log: LogReader, answer: @escaping @Sendable (EngineInput) -> Void) {
    self.log = log
    self.answer = answer
  }

  func start() -> NamedThread {
    NamedThread.start(name: "log-reader") { self.loop() }
  }

  func fetch(_ request: FetchRequest) { inbox.put(.fetch(request)) }
  func lookUp(_ request: LookupRequest) { inbox.put(.lookUp(request)) }
  func stop() { inbox.put(.stop) }

  private func loop() {
    var jobs: [Job] = []
    while true {
      _ = inbox.waitAndTakeAll(into: &jobs)
      for job in jobs {
        switch job {
        case .fetch(let request): fetchNow(request)
        case .lookUp(let request): lookUpNow(request)
        case .stop: return
        }
      }
    }
  }

  private func fetchNow(_ request: FetchRequest) {
    do {
      guard
        let chunk = try log.chunk(
          from: Position(request.from), limitBytes: EngineCore.fetchBytes, through: Position(request.through))
      else { throw LogError(.position, "position \(request.from) is not in the log") }
      answer(.fetched(reader: request.reader, .chunk(chunk)))
    } catch {
      answer(.fetched(reader: request.reader, .failed("\(error)")))
    }
  }

  private func lookUpNow(_ request: LookupRequest) {
    let job = request.job
    do {
      for index in request.identities { job.lookedUp[index] = try identity(of: job.batch, index) }
      if request.subjectHead { job.subjectHead = try head(of: job.batch.entry(0).subject, through: request.through) }
      answer(.lookedUp(job))
    } catch {
      job.readFailure = "\(error)"
      answer(.lookedUp(job))
    }
  }

  private func identity(of batch: EntryBatch, _ index: Int) throws -> IdentityAnswer {
    let entry = batch.entry(index)
    guard let source = entry.attributes[.source], let id = entry.attributes[.id],
      let found = try log.find(source: source, id: id, hash: batch.infos[index].identityHash)
    else { return .unknown }
    return found.withEntry { known in
      known.hasContent(of: entry)
        ? .same(position: found.position.rawValue) : .different(position: found.position.rawValue)
    }
  }

  private func head(
    of subject: UnsafeRawBufferPointer, through: UInt64
  ) throws -> (last: UInt64, through: UInt64) {
    let last = try log.lastPosition(ofSubject: subject, through: Position(through))
    return (last?.rawValue ?? 0, through)
  }
}
