internal import Engine
internal import Events
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import Scripts
internal import Wire

/// Lists instances of processes, tells what one has done, and brings operators' verbs to them.
struct ProcessRoute: Sendable {
  /// Instances that one append tells.
  private static let mostTold = 1000

  let services: DoorServices
  let request: ProcessRequest

  /// Of what changes nothing.
  func answer() async throws(Problem) -> Answer {
    switch request {
    case .list(let query): return try await list(query)
    case .show(let name, let key):
      let report = try await instance(key, of: name)
      let timeline = try await services.reading { [log = services.log] in try log.timeline(of: report) }
      return Answer(.ok, ProcessTimelineReport(timeline))
    case .cancel, .move, .moveAll, .retry: preconditionFailure("a verb has a body")
    }
  }

  func answer(_ request: Request, sender: String) async throws -> Answer {
    guard let body = try await AppendRoute.collect(request.body, limit: services.limits.eventBytes) else {
      return services.bodyTooLarge
    }
    do throws(Problem) {
      switch self.request {
      case .cancel(let name, let key):
        let body = try OperatorBody(body, names: Operation.cancelProcess.bodyNames)
        let isRollback = try body.flag("rollback", unsaid: true)
        return try await tell(isRollback ? .cancel : .end, key, of: name, try body.by(sender))
      case .move(let name, let key):
        let body = try OperatorBody(body, names: [])
        return try await tell(.move, key, of: name, try body.by(sender))
      case .moveAll:
        let body = try OperatorBody(body, names: Operation.moveProcesses.bodyNames)
        return try await moveAll(of: try body.text("process"), try body.by(sender))
      case .retry(let name, let key):
        let body = try OperatorBody(body, names: [])
        return try await retry(key, of: name, try body.by(sender))
      case .list, .show: preconditionFailure("nothing of it has a body")
      }
    } catch {
      return .problem(error)
    }
  }

  // MARK: reading

  private func list(_ query: ProcessQuery) async throws(Problem) -> Answer {
    var listing = ProcessListing(query)
    repeat {
      guard let places = await services.host.processes(listing.query) else {
        throw await services.unknownProcess(query.process ?? "")
      }
      let reports = try await services.reading { [log = services.log] in try log.reports(of: places.instances) }
      listing.add(reports, of: places)
    } while !listing.isWhole
    return Answer(.ok, ProcessList(listing.page))
  }

  private func instance(_ key: String, of name: String) async throws(Problem) -> ProcessReport {
    if let found = try await running(key, of: name) { return found }
    throw Problem(
      .notFound,
      "No instance of \"\(name)\" runs for this key: it has ended, or it never began. GET /processes lists them.")
  }

  /// Nil when the process has no instance of the key that runs.
  private func running(_ key: String, of name: String) async throws(Problem) -> ProcessReport? {
    guard let keys = await services.host.process(key: key, of: name) else {
      throw await services.unknownProcess(name)
    }
    if keys.isEmpty { return nil }
    return try await services.reading { [log = services.log] in try log.report(of: keys) }
  }

  // MARK: verbs

  private func tell(_ verb: ProcessVerb, _ key: String, of name: String, _ by: String) async throws(Problem) -> Answer {
    let report = try await instance(key, of: name)
    if report.state == .stuck, verb != .move, let letter = report.failure {
      throw Problem(
        .refused,
        """
        It is stuck with the dead letter \(letter), and what tells it would wait behind that. Discard the letter, then \
        send the same again.
        """)
    }
    return try await tell(verb, [report], by)
  }

  private func moveAll(of name: String?, _ by: String) async throws(Problem) -> Answer {
    // All of them are found before the first is told: one that is told and stays would be found again and again.
    var places = try await olderPlaces(of: name)[...]
    var receipt = ProcessReceipt(told: 0, position: nil)
    while !places.isEmpty {
      let some = Array(places.prefix(Self.mostTold))
      places.removeFirst(some.count)
      let reports = try await services.reading { [log = services.log] in try log.reports(of: some) }
      if reports.isEmpty { continue }
      let told = try await append(.move, reports, by)
      receipt.told += told.told
      receipt.position = told.position ?? receipt.position
    }
    return Answer(.ok, receipt)
  }

  /// Where the instances are that run on older scripts.
  private func olderPlaces(of name: String?) async throws(Problem) -> [ProcessPlace] {
    let status = await services.host.status()
    if let name, !status.processes.contains(where: { $0.process == name }) {
      throw await services.unknownProcess(name)
    }
    let generations = Set(status.processes.flatMap(\.generations.keys)).filter { $0 != status.generation }
    var found: [ProcessPlace] = []
    for generation in generations.sorted() {
      var query = ProcessQuery(process: name, generation: generation, limit: Self.mostTold)
      while let places = await services.host.processes(query) {
        found += places.instances
        guard !places.isLast, let last = places.instances.last else { break }
        query.after = last.place
      }
    }
    return found
  }

  private func tell(_ verb: ProcessVerb, _ reports: [ProcessReport], _ by: String) async throws(Problem) -> Answer {
    Answer(.ok, try await append(verb, reports, by))
  }

  private func append(
    _ verb: ProcessVerb, _ reports: [ProcessReport], _ by: String
  ) async throws(Problem) -> ProcessReceipt {
    if let problem = services.backPressure { throw problem }
    let batch = EntryBatch(hash: services.host.hash)
    let subjects = try await services.reading { [log = services.log] in
      try reports.map { try log.subject(of: $0) }
    }
    for (report, subject) in zip(reports, subjects) {
      subject.withUnsafeBytes {
        ProcessVerb.add(
          verb, to: report.key, process: report.process, reader: report.place.reader, subject: $0, by: by, in: batch)
      }
    }
    switch await services.host.append(batch, expecting: nil, stream: nil) {
    case .appended(_, let last, let count, _): return ProcessReceipt(told: count, position: last.rawValue)
    case .noSpace: throw DoorServices.outOfSpace
    case .overloaded: throw DoorServices.overloaded
    case .tooLarge(let limit): throw Problem(.tooLarge, "This is more than \(limit) bytes.")
    case .readFailed:
      throw Problem(.readFailed, "A part of the log could not be read; the daemon's own log says which.")
    case .stopped, .conflict, .expectationFailed, .streamFailed:
      throw Problem(.stopping, "The daemon is stopping. Ask again when it runs.")
    }
  }

  private func retry(_ key: String, of name: String, _ by: String) async throws(Problem) -> Answer {
    // An instance that could not begin is not among those that run.
    let running = try await running(key, of: name)
    switch await services.host.resolve(
      .retry, .all(consumer: name, key: running?.key ?? KeyBytes(written: key)), in: .consumers, by: by)
    {
    case .done(let receipt): return Answer(.ok, ResolveReceipt(receipt))
    case .unknownConsumer: throw await services.unknownProcess(name)
    case .noSpace: throw DoorServices.outOfSpace
    case .readFailed:
      throw Problem(.readFailed, "A part of the log could not be read; the daemon's own log says which.")
    case .stopped: throw Problem(.stopping, "The daemon is stopping. Ask again when it runs.")
    }
  }
}

extension DoorServices {
  func unknownProcess(_ name: String) async -> Problem {
    guard NameRule.declaration.allows(name) else {
      return Problem(.notFound, "No process has such a name. GET /processes lists those that there are.")
    }
    let names = await host.status().processes.map(\.process)
    let advice =
      if let near = NearestName.of(name, among: names) {
        "Did you mean \"\(near)\"?"
      } else if names.isEmpty {
        "No script declares one."
      } else {
        "GET /processes lists those that there are."
      }
    return Problem(.notFound, "There is no process \"\(name)\". \(advice)")
  }
}
