import Events
package import LogStorage

/// The reading that the engine asks for: what is behind its tail, identities from outside, a subject's last event.
/// Blocks on the disk.
package struct LogWork: Sendable {
  let log: LogReader

  package init(log: LogReader) { self.log = log }

  /// - recent: chunks that were read for other readers: those that catch up go over the same log.
  package func fetch(_ request: FetchRequest, recent: inout RecentChunks) -> EngineInput {
    func found(_ chunk: LogChunk?, before: UInt64) -> EngineInput {
      .fetched(
        reader: request.reader, .chunk(chunk, from: request.from, before: before, hearing: request.hearing))
    }
    do {
      var from = Position(request.from)
      let through = Position(request.through)
      if let types = request.types {
        guard let next = try log.firstPosition(ofTypeHashes: types, from: from, through: through) else {
          return found(nil, before: request.through + 1)
        }
        from = next
      }
      if let chunk = recent.chunk(holding: from) { return found(chunk, before: from.rawValue) }
      guard
        let chunk = try log.chunk(
          from: from, limitBytes: EngineCore.fetchBytes, through: Position(request.readable))
      else {
        throw LogError(.position, "position \(from) is not in the log")
      }
      recent.add(chunk)
      return found(chunk, before: from.rawValue)
    } catch {
      return .fetched(reader: request.reader, .failed("\(error)"))
    }
  }

  /// Without anything that was read before.
  package func fetch(_ request: FetchRequest) -> EngineInput {
    var recent = RecentChunks(limit: 0)
    return fetch(request, recent: &recent)
  }

  package func lookUp(_ request: LookupRequest) -> EngineInput {
    let job = request.job
    do {
      var finder = IdentityFinder(log)
      for asked in request.identities { job.lookedUp[asked.index] = try identity(of: job.batch, asked, &finder) }
      if request.subjectHead { job.subjectHead = try head(of: job.batch.entry(0).subject, through: request.through) }
    } catch {
      job.readFailure = "\(error)"
    }
    return .lookedUp(job)
  }

  /// The events of dead letters that an operator resolves.
  package func read(_ request: LetterRequest) -> EngineInput {
    let job = request.job
    // The commit that was read last: thousands of letters may be from one.
    var last: LogChunk?
    do {
      for number in request.positions where job.events[number] == nil {
        let position = Position(number)
        let commit = if let last, last.contains(position) { last } else { try log.chunk(holding: position) }
        last = commit
        job.events[number] = Array(commit.entry(position).whole)
      }
    } catch {
      job.readFailure = "\(error)"
    }
    return .lettersRead(job)
  }

  private func identity(
    of batch: EntryBatch, _ asked: LookupRequest.Identity, _ finder: inout IdentityFinder
  ) throws -> IdentityAnswer {
    let entry = batch.entry(asked.index)
    guard let source = entry.attributes[.source], let id = entry.attributes[.id],
      let found = try finder.find(
        source: source, id: id, hash: batch.infos[asked.index].identityHash, candidates: asked.candidates)
    else { return .unknown }
    return found.entry.withUnsafeBytes { known in
      EntryView(known.baseAddress!).isSameEvent(as: entry)
        ? .same(position: found.position.rawValue) : .different(position: found.position.rawValue)
    }
  }

  package func readMessage(of order: DeliveryOrder) -> Result<LogChunk, DeliveryFailure> {
    do {
      return .success(try log.chunk(holding: Position(order.position)))
    } catch {
      return .failure(DeliveryFailure(.unavailable, "the log cannot be read: \(error)"))
    }
  }

  private func head(
    of subject: UnsafeRawBufferPointer, through: UInt64
  ) throws -> (last: UInt64, through: UInt64) {
    // The last event is probably a recent one, so the look goes back in growing steps.
    var span: UInt64 = 4096
    while true {
      let from = through > span ? through - span : 0
      var last: UInt64 = 0
      try log.entries(ofSubject: subject, from: Position(from), through: Position(through)) { position, entry, _ in
        if entry.rawKind == RecordKind.event.rawValue { last = position.rawValue }
        return true
      }
      if last > 0 || from == 0 { return (last, through) }
      span *= 16
    }
  }
}
