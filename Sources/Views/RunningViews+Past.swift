package import Events
internal import GRDB
internal import LogStorage
internal import Scripts

/// Any past moment of a view.
extension RunningViews {
  /// A moment in the life of the log.
  package enum Moment: Sendable {
    case position(UInt64)
    /// µs since 1970: everything that was committed up to then.
    case time(Int64)
  }

  /// How a document was, and how that was found.
  package func document(
    of name: String, key: String, at moment: Moment, durable: Position
  ) throws(ViewError) -> (page: ViewPage, found: String) {
    let position = try self.position(of: moment, durable)
    if let page = try unchanged(name, key, since: position) { return page }
    return try past(name) { () throws in
      let past = try PastView(name, by: try code(of: name), at: position, log: log, identity: identity)
      let bytes = Array(key.utf8)
      let isSubject = past.fold.declaration.key.isDefault
      let found = try isSubject ? past.find(subject: bytes) : past.find(key: bytes)
      guard let document = found.document else { throw Self.noDocument(name, key, position) }
      let how =
        isSubject
        ? "the subject index, \(Self.events(found.seen))"
        : "folding \(Self.events(found.seen)) again, \(found.count) of this key"
      return (ViewPage(documents: [document], next: nil, position: position), how)
    }
  }

  /// Documents of a view as they were, and how that was found.
  package func page(
    of name: String, _ query: ViewQuery, at moment: Moment, durable: Position
  ) throws(ViewError) -> (page: ViewPage, found: String) {
    let position = try self.position(of: moment, durable)
    return try past(name) { () throws in
      let code = try code(of: name)
      let found = "folding everything up to position \(position) again"
      if let kept = pastViews.found(name, code, position) {
        return (try kept.page(query), found)
      }
      let kept = try FoldedPast(name, code, at: position, log: log, identity: identity)
      pastViews.keep(kept)
      return (try kept.page(query), found)
    }
  }

  private static func events(_ count: Int) -> String { count == 1 ? "1 event" : "\(count) events" }

  private func code(of name: String) throws(ViewError) -> Generation {
    _ = try view(named: name)
    guard let code = board.code(of: name) else { throw Self.notReady }
    return code
  }

  private func position(of moment: Moment, _ durable: Position) throws(ViewError) -> UInt64 {
    switch moment {
    case .position(let position):
      guard position <= durable.rawValue else {
        throw ViewError(.badQuery, "The log ends at position \(durable); there is no position \(position) yet.")
      }
      return position
    case .time(let time):
      do {
        return min(try log.prefix(until: time).position.rawValue, durable.rawValue)
      } catch {
        throw ViewError(.notReady, "The log could not be read: \(error).")
      }
    }
  }

  /// The document as it is, if nothing has changed it since: no fold needed.
  private func unchanged(
    _ name: String, _ key: String, since position: UInt64
  ) throws(ViewError) -> (page: ViewPage, found: String)? {
    var query = ViewQuery()
    query.conditions = [.init(field: "key", value: key)]
    var page = try page(of: name, query)
    guard let document = page.documents.first, page.position >= position, document.position <= position,
      document.frozen.map({ $0.position <= position }) ?? true
    else { return nil }
    page.position = position
    return (page, "the view, where the document is unchanged since position \(document.position)")
  }

  /// Folding costs a processor: a bounded number at once.
  private func past<Result>(_ name: String, _ body: () throws -> Result) throws(ViewError) -> Result {
    guard pastViews.begin() else {
      throw ViewError(.notReady, "Other past moments are being looked for. Try again in a moment.")
    }
    defer { pastViews.end() }
    do {
      return try body()
    } catch let error as ViewError {
      throw error
    } catch {
      throw ViewError(.notReady, "The past of the view \"\(name)\" could not be folded: \(error).")
    }
  }
}
