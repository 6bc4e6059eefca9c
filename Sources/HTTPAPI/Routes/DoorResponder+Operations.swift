internal import Engine
internal import Events
internal import HTTPTypes
internal import NIOCore
internal import Wire

/// The operations that answer with one document.
extension DoorResponder {
  func answer(_ operation: Operation, _ parameter: [UInt8], _ query: EventQuery) async throws(Problem) -> Answer {
    switch operation {
    case .listEvents: return try await events(query)
    case .listSubject:
      var query = query
      query.filter.subject = try EventQuery.subject(parameter)
      return try await events(query)
    case .getEvent: return try await event(parameter)
    case .status:
      var report = StatusReport(await services.host.status(), logName: services.host.logName)
      report.views = await services.views?.list() ?? []
      return Answer(.ok, report)
    case .listConsumers:
      return Answer(.ok, ConsumerList(consumers: await services.host.status().readers.map { .init($0) }))
    case .getConsumer: return try await consumer(parameter)
    case .getDeadLetter: return try await letter(parameter)
    case .listSources: return Answer(.ok, SourceList(sources: await services.sourceReports()))
    case .reload: return try await reload()
    case .live: return Answer(.ok, HealthReport(status: "live"))
    case .ready:
      if services.host.isOutOfSpace { throw DoorServices.outOfSpace }
      return Answer(.ok, HealthReport(status: "ready"))
    case .describe: return Answer(.ok, body: description)
    default: preconditionFailure("\(operation) has a route of its own")
    }
  }

  private func events(_ query: EventQuery) async throws(Problem) -> Answer {
    let durable = services.host.durable
    let body = try await services.reading { [page = services.page] in try page.json(query, durable: durable) }
    return Answer(.ok, body: body)
  }

  private func event(_ parameter: [UInt8]) async throws(Problem) -> Answer {
    guard let number = UInt64(String(decoding: parameter, as: UTF8.self)) else {
      throw Problem(.badRequest, "A position is a whole number: 1, 2, 3 …")
    }
    let position = Position(number)
    var body: ByteBuffer?
    if number > 0, position <= services.host.durable {
      body = try await services.reading { [page = services.page] in try page.event(at: position) }
    }
    guard let body else { throw Problem(.notFound, "There is no event at position \(number).") }
    return Answer(.ok, contentType: "application/cloudevents+json", body: body)
  }

  // MARK: Consumers and dead letters

  private func consumer(_ parameter: [UInt8]) async throws(Problem) -> Answer {
    let name = String(decoding: parameter, as: UTF8.self)
    guard let reader = await services.host.status().reader(named: name) else {
      throw await services.unknownConsumer(name)
    }
    return Answer(.ok, StatusReport.Consumer(reader))
  }

  func letters(_ query: LetterListQuery) async throws(Problem) -> Answer {
    let asked = LetterQuery(
      consumer: query.consumer, key: query.key, after: query.after, limit: query.limit ?? services.limits.pageLetters)
    guard let page = await services.host.letters(asked) else {
      throw await services.unknownConsumer(query.consumer ?? "")
    }
    let body = try await services.reading { [text = services.letters] in try text.json(page, query) }
    return Answer(.ok, body: body)
  }

  private func letter(_ parameter: [UInt8]) async throws(Problem) -> Answer {
    guard let id = LetterID(String(decoding: parameter, as: UTF8.self)) else { throw DoorServices.unknownLetter }
    let open = await services.host.letters(LetterQuery(after: id.before, limit: 1))?.letters.first { $0.id == id }
    let readers = await services.host.status().readers
    let body = try await services.reading { [text = services.letters] () throws -> ByteBuffer? in
      guard let history = try text.reading.history(of: id) else { return nil }
      let consumer = readers.first { $0.number == history.reader }?.name
      return try text.json(id, history, consumer: consumer, open: open)
    }
    guard let body else { throw DoorServices.unknownLetter }
    return Answer(.ok, body: body)
  }

  private func reload() async throws(Problem) -> Answer {
    switch await services.host.reload() {
    case .loaded(let generation, let isNew, let warnings):
      return Answer(.ok, ReloadReceipt(generation: generation, changed: isNew, warnings: warnings))
    case .refused(let errors):
      var problem = Problem(.notLoaded, "The generation before goes on. Mend what is listed, and load again.")
      problem.errors = errors
      throw problem
    }
  }
}

extension StatusReport {
  init(_ status: HostStatus, logName: String) {
    self.init(
      version: status.version,
      generation: Generation(
        number: status.generation, scripts: status.scripts.map { Script(path: $0.path, hash: $0.hash) },
        error: status.loadErrors.isEmpty ? nil : status.loadErrors.joined(separator: "\n")),
      log: Log(
        head: status.head, durable: status.durable, bytes: status.logBytes, id: status.logID, name: logName),
      warnings: status.warnings, consumers: status.readers.map { Consumer($0) })
  }
}

extension StatusReport.Consumer {
  init(_ reader: HostStatus.Reader) {
    self.init(
      name: reader.name, kind: reader.kind, script: reader.script, state: reader.state, cursor: reader.cursor,
      lag: reader.lag, blocked: reader.blockedKeys, queued: reader.queued, deadLetters: reader.deadLetters,
      note: reader.note)
  }
}
