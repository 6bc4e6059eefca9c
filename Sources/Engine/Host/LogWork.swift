import Events
import LogStorage

/// The reading that the engine asks for: what is behind its tail, identities from outside, a subject's last event.
/// Blocks on the disk.
struct LogWork: Sendable {
  let log: LogReader

  func fetch(_ request: FetchRequest) -> EngineInput {
    do {
      guard
        let chunk = try log.chunk(
          from: Position(request.from), limitBytes: EngineCore.fetchBytes, through: Position(request.through))
      else { throw LogError(.position, "position \(request.from) is not in the log") }
      return .fetched(reader: request.reader, .chunk(chunk))
    } catch {
      return .fetched(reader: request.reader, .failed("\(error)"))
    }
  }

  func lookUp(_ request: LookupRequest) -> EngineInput {
    let job = request.job
    do {
      for index in request.identities { job.lookedUp[index] = try identity(of: job.batch, index) }
      if request.subjectHead { job.subjectHead = try head(of: job.batch.entry(0).subject, through: request.through) }
    } catch {
      job.readFailure = "\(error)"
    }
    return .lookedUp(job)
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
