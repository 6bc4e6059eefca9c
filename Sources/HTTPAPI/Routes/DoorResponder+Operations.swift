internal import Engine
internal import Events
internal import HTTPTypes
internal import Metering
internal import NIOCore
internal import Platform
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
    case .getEvent: return try await event(parameter, isUpcast: query.isUpcast)
    case .status:
      var report = StatusReport(await services.host.status(), logName: services.host.logName)
      report.views = await services.views?.list() ?? []
      return Answer(.ok, report)
    case .listConsumers:
      let readers = await services.host.status().readers(in: .consumers)
      return Answer(.ok, ConsumerList(consumers: readers.map { .init($0) }))
    case .listDestinations:
      let readers = await services.host.status().readers(in: .destinations)
      return Answer(.ok, DestinationList(destinations: readers.map { .init($0) }))
    case .getConsumer: return Answer(.ok, StatusReport.Consumer(try await reader(parameter, in: .consumers)))
    case .getDestination: return Answer(.ok, StatusReport.Outbox(try await reader(parameter, in: .destinations)))
    case .getDeadLetter, .getMessage: return try await letter(parameter, in: operation.readers)
    case .listSources: return Answer(.ok, SourceList(sources: await services.sourceReports()))
    case .listSchedules:
      let schedules = await services.host.status().schedules
      return Answer(.ok, ScheduleList(schedules: schedules.map { ScheduleReport($0) }))
    case .reload: return try await reload()
    case .live: return Answer(.ok, HealthReport(status: "live"))
    case .ready:
      if services.host.isOutOfSpace { throw DoorServices.outOfSpace }
      return Answer(.ok, HealthReport(status: "ready"))
    case .metrics:
      let text = services.metrics.text(
        await services.host.status(), views: await services.views?.list() ?? [],
        residentBytes: ProcessMemory.residentBytes ?? 0)
      return Answer(.ok, contentType: Exposition.contentType, body: ByteBuffer(string: text))
    case .describe: return Answer(.ok, body: description)
    default: preconditionFailure("\(operation) has a route of its own")
    }
  }

  private func events(_ query: EventQuery) async throws(Problem) -> Answer {
    let durable = services.host.durable
    let body = try await services.reading { [page = services.page] in try page.json(query, durable: durable) }
    return Answer(.ok, body: body)
  }

  private func event(_ parameter: [UInt8], isUpcast: Bool) async throws(Problem) -> Answer {
    guard let number = UInt64(String(decoding: parameter, as: UTF8.self)) else {
      throw Problem(.badRequest, "A position is a whole number: 1, 2, 3 …")
    }
    let position = Position(number)
    var body: ByteBuffer?
    if number > 0, position <= services.host.durable {
      body = try await services.reading { [page = services.page] in try page.event(at: position, isUpcast: isUpcast) }
    }
    guard let body else { throw Problem(.notFound, "There is no event at position \(number).") }
    return Answer(.ok, contentType: "application/cloudevents+json", body: body)
  }

  // MARK: Consumers, destinations and dead letters

  private func reader(_ parameter: [UInt8], in scope: ReaderScope) async throws(Problem) -> HostStatus.Reader {
    let name = String(decoding: parameter, as: UTF8.self)
    guard let reader = await services.host.status().reader(named: name, in: scope) else {
      throw await services.unknown(name, in: scope)
    }
    return reader
  }

  func letters(_ query: LetterListQuery) async throws(Problem) -> Answer {
    let asked = LetterQuery(
      scope: query.scope, consumer: query.owner, key: query.key, after: query.after,
      limit: query.limit ?? services.limits.pageLetters)
    guard let page = await services.host.letters(asked) else {
      throw await services.unknown(query.owner ?? "", in: query.scope)
    }
    var text = services.letters
    var opening: [UInt8] = []
    if query.scope == .destinations {
      let status = await services.host.status()
      let destinations = status.readers(in: .destinations).filter { reader in
        query.owner.map { reader.name.utf8.elementsEqual($0.utf8) } ?? true
      }
      text = services.outboxLetters(logID: status.logID)
      opening = Array("\"outbox\":".utf8) + Answer.json(destinations.map { StatusReport.Outbox($0) }) + Array(",".utf8)
    }
    let body = try await services.reading { [text, opening] in try text.json(page, query, opening: opening) }
    return Answer(.ok, body: body)
  }

  private func letter(_ parameter: [UInt8], in scope: ReaderScope) async throws(Problem) -> Answer {
    guard let id = LetterID(String(decoding: parameter, as: UTF8.self)) else {
      throw DoorServices.unknownLetter(in: scope)
    }
    let asked = LetterQuery(scope: scope, after: id.before, limit: 1)
    let open = await services.host.letters(asked)?.letters.first { $0.id == id }
    let history = try await services.history(of: id, in: scope)
    let status = await services.host.status()
    let owner = status.readers.first { $0.number == history.reader }?.name
    let text = scope == .destinations ? services.outboxLetters(logID: status.logID) : services.letters
    let body = try await services.reading { try text.json(id, history, owner: owner, open: open) }
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
      warnings: status.warnings, consumers: status.readers(in: .consumers).map { Consumer($0) },
      outbox: status.readers(in: .destinations).map { Outbox($0) }, timers: Timers(status.timers),
      processes: status.processes.map { ProcessList.Process($0) })
  }
}

extension StatusReport.Timers {
  init(_ timers: HostStatus.Timers) {
    self.init(pending: timers.pending, next: timers.next.map(Timestamp.text))
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

extension StatusReport.Outbox {
  init(_ reader: HostStatus.Reader) {
    self.init(
      destination: reader.name, script: reader.script, state: reader.state, pending: reader.pending,
      failed: reader.deadLetters, blocked: reader.blockedKeys, queued: reader.queued, cursor: reader.cursor,
      note: reader.note)
  }
}
