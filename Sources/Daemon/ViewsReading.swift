import Engine
import Events
import HTTPAPI
import Platform
import Views
import Wire

/// The door's questions to the views.
struct ViewsReading: ViewReading {
  let views: RunningViews
  let host: RunningEngine
  let log: LogReading

  func list() async -> [StatusReport.View] {
    let durable = host.durable.rawValue
    return ((try? views.list()) ?? []).map { StatusReport.View($0, durable: durable) }
  }

  func rebuild(_ name: String) async throws(Problem) {
    try refuseRebuild(name)
    do {
      try views.rebuild(name)
    } catch {
      throw Problem(error)
    }
  }

  func answer(_ question: ViewQuestion) async throws(Problem) -> ViewAnswer {
    if log.states.declares(question.view) { return try await state(question) }
    do {
      if let position = question.position {
        try await views.wait(for: question.view, toRead: Position(position), timeout: question.wait)
      }
      return try await blocking { () throws(ViewError) in try read(question) }
    } catch {
      throw Problem(error)
    }
  }

  private func read(_ question: ViewQuestion) throws(ViewError) -> ViewAnswer {
    if question.isFrozenOnly {
      let page = try views.frozen(of: question.view, limit: question.limit ?? ViewQuery.standardLimit)
      return ViewAnswer(position: page.position, json: page.json(view: question.view))
    }
    if let moment = question.moment { return try read(question, at: RunningViews.Moment(moment)) }
    if let key = question.key {
      let page = try views.document(of: question.view, key: key)
      return ViewAnswer(position: page.position, json: page.documentJSON(view: question.view))
    }
    let page = try views.page(of: question.view, ViewQuery(question))
    return ViewAnswer(position: page.position, json: page.json(view: question.view))
  }

  private func read(_ question: ViewQuestion, at moment: RunningViews.Moment) throws(ViewError) -> ViewAnswer {
    if let key = question.key {
      let (page, found) = try views.document(of: question.view, key: key, at: moment, durable: host.durable)
      return ViewAnswer(position: page.position, json: page.documentJSON(view: question.view, found: found))
    }
    let (page, found) = try views.page(of: question.view, ViewQuery(question), at: moment, durable: host.durable)
    return ViewAnswer(position: page.position, json: page.json(view: question.view, found: found))
  }

  /// Reading blocks, and what folds needs a deep stack: not on the cooperative pool.
  private func blocking<Value: Sendable>(
    _ body: @escaping @Sendable () throws(ViewError) -> Value
  ) async throws(ViewError) -> Value {
    try await NamedThread.run(name: "view", stackBytes: 4 << 20) {
      Result { () throws(ViewError) in try body() }
    }.get()
  }
}

extension RunningViews.Moment {
  init(_ moment: ViewQuestion.Moment) {
    switch moment {
    case .position(let position): self = .position(position)
    case .time(let time): self = .time(time)
    }
  }
}

extension ViewQuery {
  init(_ question: ViewQuestion) {
    self.init()
    conditions = question.conditions.compactMap { Condition($0) }
    order = question.order
    limit = question.limit ?? Self.standardLimit
    after = question.after
  }
}

extension Problem {
  init(_ error: ViewError) {
    let kind: ProblemKind =
      switch error.code {
      case .noView, .noDocument: .notFound
      case .badQuery, .tooFar: .badRequest
      case .notReady: .notReady
      case .late: .viewBehind
      case .stopping: .stopping
      }
    self.init(kind, error.message)
  }
}

extension StatusReport.View {
  init(_ status: ViewStatus, durable: UInt64) {
    func lag(_ position: UInt64) -> UInt64 { durable - min(durable, position) }
    var rebuild: Rebuild?
    if let next = status.rebuild {
      rebuild = Rebuild(
        position: next.position, lag: lag(next.position), rate: next.rate.rounded(), secondsLeft: next.secondsLeft)
      rebuild?.error = next.failure?.error
      rebuild?.failedAt = next.failure?.position
      rebuild?.failedKey = next.failure?.key
      rebuild?.failedSince = next.failure?.since
    }
    self.init(
      name: status.name, script: status.script, state: status.state.rawValue, note: status.note,
      position: status.position, lag: lag(status.position), rate: status.rate.rounded(),
      secondsLeft: status.secondsLeft, rebuilding: status.isRebuilding, rebuild: rebuild, frozen: status.frozenKeys,
      waiting: status.waiting)
  }
}
