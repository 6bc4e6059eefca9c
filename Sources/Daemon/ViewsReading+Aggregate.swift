import Engine
import Events
import HTTPAPI
import Platform
import Views
import Wire

/// Who asks for a view by the name of an aggregate gets its subject's state, as a document: a projection and an aggregate
/// never share a name. It is read from the log and not from views.db, so it has no list, no order and no rebuild.
extension ViewsReading {
  func state(_ question: ViewQuestion) async throws(Problem) -> ViewAnswer {
    guard let key = question.key else {
      throw Problem(
        .badRequest,
        "\"\(question.view)\" is an aggregate, whose states are folded one by one: ask for one subject, "
          + "as GET /views/NAME/SUBJECT or moondance view NAME SUBJECT.")
    }
    if let position = question.position { try await wait(toRead: position, question.wait) }
    let durable = host.durable
    if case .position(let position)? = question.moment, position > durable.rawValue {
      throw Problem(.badRequest, "The log ends at position \(durable); there is no position \(position) yet.")
    }
    // It blocks on the disk, and what folds needs a deep stack.
    let answer = await NamedThread.run(name: "state", stackBytes: 4 << 20) {
      Result {
        let at = try position(of: question.moment, durable)
        return log.state(of: Array(key.utf8), aggregate: question.view, at: at, isHead: at == durable)
      }
    }
    switch answer {
    case .success(.found(let report)):
      let position = report.position.rawValue
      let document = ViewDocument(key: key, document: report.state, position: position)
      let page = ViewPage(documents: [document], next: nil, position: position)
      return ViewAnswer(position: position, json: page.documentJSON(view: question.view, found: report.found))
    case .success(.failed(let why)): throw Problem(.refused, "The state cannot be made: \(why)")
    case .success(.unknown): throw Problem(.notFound, "There is no view of this name any more.")
    case .failure(let error): throw Problem(.readFailed, "\(error)")
    }
  }

  private func position(of moment: ViewQuestion.Moment?, _ durable: Position) throws -> Position {
    switch moment {
    case nil: durable
    case .position(let position): Position(position)
    case .time(let time): min(try log.position(until: time), durable)
    }
  }

  /// Why there is no rebuilding of an aggregate.
  func refuseRebuild(_ name: String) throws(Problem) {
    guard log.states.declares(name) else { return }
    throw Problem(
      .badRequest,
      "\"\(name)\" is an aggregate: its states are folded when they are asked for, so there is nothing to rebuild.")
  }

  /// Returns once `position` is durable.
  private func wait(toRead position: UInt64, _ timeout: Duration) async throws(Problem) {
    if position <= host.durable.rawValue { return }
    let isInTime = await withTaskGroup(of: Bool.self) { group in
      group.addTask { [host] in (try? await host.waitForDurable(after: Position(position - 1))) != nil }
      group.addTask {
        try? await Task.sleep(for: timeout)
        return false
      }
      defer { group.cancelAll() }
      return await group.next() ?? false
    }
    if !isInTime {
      throw Problem(
        .viewBehind, "The log is durable up to position \(host.durable), not yet to \(position). Ask again.")
    }
  }
}

extension SubjectReport {
  /// How it was found, as views say it.
  fileprivate var found: String {
    let folded = events == 1 ? "1 event" : "\(events) events"
    guard let kept else { return "the subject index, \(folded)" }
    return "a state that was kept at position \(kept), and the subject index, \(folded) since"
  }
}
