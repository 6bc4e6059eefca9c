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
    case .reload: return try await reload()
    case .live: return Answer(.ok, HealthReport(status: "live"))
    case .ready:
      if services.host.isOutOfSpace { throw DoorServices.outOfSpace }
      return Answer(.ok, HealthReport(status: "ready"))
    case .describe: return Answer(.ok, body: description)
    case .append: preconditionFailure("appending has routes of its own, since it reads a body")
    case .listViews, .queryView, .getDocument, .rebuildView: preconditionFailure("views have routes of their own")
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
      consumers: status.readers.map {
        Consumer(
          name: $0.name, kind: $0.kind, script: $0.script, state: $0.state, cursor: $0.cursor, lag: $0.lag,
          blocked: $0.blockedKeys, queued: $0.queued, deadLetters: $0.deadLetters)
      })
  }
}
