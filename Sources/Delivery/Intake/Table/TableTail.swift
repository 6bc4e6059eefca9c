internal import Engine
internal import Events
internal import LogStorage
internal import Platform
internal import Scripts
internal import Synchronization

/// Follows a transactional outbox in PostgreSQL, on a thread of its own: reads what is committed, appends it, and takes
/// the rows away once they are durable.
///
/// Nothing but the table itself says how far it is, so no row is lost to transactions that commit late; and a row that is
/// read again after a crash has the same source and id, by which the log knows it.
final class TableTail: Sendable {
  let source: SourceDeclaration
  private let place: SourceDeclaration.TablePlace
  private let host: any EventHost
  private let settings: IntakeSettings
  private let book: SourceBook
  private let wake = WakePipe()
  private let isOver = Atomic(false)
  private let isDeployed = Atomic(false)
  private let thread = Mutex<LaneThread?>(nil)

  /// How long an answer of the server may take.
  private static let patience: UInt64 = 30_000_000_000
  private static let countPause: UInt64 = 10_000_000_000

  init(
    _ source: SourceDeclaration, _ place: SourceDeclaration.TablePlace, host: any EventHost, settings: IntakeSettings,
    book: SourceBook
  ) {
    (self.source, self.place, self.host) = (source, place, host)
    (self.settings, self.book) = (settings, book)
  }

  /// Once.
  func start() { thread.withLock { $0 = LaneThread(name: "outbox-rows") { [self] in run() } } }

  /// Other scripts run: rows that failed are tried again.
  func deployed() {
    isDeployed.store(true, ordering: .releasing)
    wake.ring()
  }

  /// What is under way is finished; then the thread ends.
  func stop() {
    isOver.store(true, ordering: .releasing)
    wake.ring()
  }

  /// Once, after `stop`.
  func join(until deadline: UInt64) { thread.withLock { $0 }?.join(until: deadline) }

  // MARK: the thread

  private struct Session {
    let connection: PostgresConnection
    let shape: TableShape
    let secrets: Secrets
  }

  /// Why nothing can be done for a while.
  private struct Pause: Error {
    let state: String
    let reason: String
    var endsSession = false
  }

  private func run() {
    var session: Session?
    var failed = FailedRows()
    var pauses: UInt64 = 0
    var counted: UInt64 = 0
    let decoder = CloudEventDecoder()
    while !isOver.load(ordering: .acquiring) {
      if isDeployed.exchange(false, ordering: .acquiringAndReleasing) { failed.makeDue(now: now) }
      do throws(Pause) {
        if session == nil { session = try connect() }
        guard let open = session else { continue }
        let isMore = try take(open, &failed, decoder)
        pauses = 0
        if isMore || !failed.isEmpty, now >= counted + Self.countPause || counted == 0 {
          try count(open)
          counted = now
        } else if !isMore, failed.isEmpty {
          book.change(source.name) { $0.lag = 0 }
        }
        book.change(source.name) { ($0.state, $0.error) = ("running", failed.summary) }
        if !isMore { rest(open, failed) }
      } catch {
        if error.endsSession { session = nil }
        book.change(source.name) { $0.state = error.state }
        book.tell(.warning, source.name, error.reason)
        let pause = min(10_000_000_000 as UInt64, 200_000_000 << min(pauses, 6))
        pauses += 1
        wake.wait(with: nil, until: now + pause, settings.clock)
      }
    }
  }

  private var now: UInt64 { settings.clock.monotonicNanoseconds() }

  /// Until somebody tells of rows, it is time to look, or a failed row is due.
  private func rest(_ session: Session, _ failed: FailedRows) {
    let look = now + UInt64(place.every) * 1000
    guard !session.connection.takeNotifications() else { return }
    wake.wait(
      with: session.connection.descriptor, until: min(look, failed.nextDue ?? .max), settings.clock)
    // Reads what made the socket readable; a session that has ended shows with the next statement.
    _ = session.connection.isAlive
    _ = session.connection.takeNotifications()
  }

  // MARK: the session

  private func connect() throws(Pause) -> Session {
    book.change(source.name) { $0.state = "connecting" }
    let parameters: PostgresParameters
    do throws(DeliveryFailure) {
      parameters = try self.parameters()
    } catch {
      throw Pause(state: "connecting", reason: error.message)
    }
    let secrets = parameters.secrets
    let shape: TableShape
    let connection: PostgresConnection
    do throws(PostgresError) {
      connection = try PostgresConnection(parameters.text, clock: settings.clock, until: now + 10_000_000_000)
      let found = try connection.rows(
        TableShape.columnsQuery, [PostgresName.quoted(table: place.table)], until: now + Self.patience)
      let columns = Dictionary(found.map { ($0[0] ?? "", $0[1] ?? "") }) { first, _ in first }
      do throws(TableShape.Mistake) {
        shape = try TableShape(place, found: columns)
      } catch {
        throw PostgresError(kind: .lost, message: error.what)
      }
      // Before the first look: what is committed between the two is told of.
      try connection.run(
        "listen \(PostgresName.quoted(TableShape.channel(of: place.table)))", until: now + Self.patience)
    } catch {
      throw Pause(state: "connecting", reason: secrets.scrub(error.sentence), endsSession: true)
    }
    return Session(connection: connection, shape: shape, secrets: secrets)
  }

  private func parameters() throws(DeliveryFailure) -> PostgresParameters {
    var secrets = Secrets()
    var text = ""
    for part in place.connection.parts {
      switch part {
      case .text(let part): text += part
      case .environment(let name): text += try secrets.take(name, from: settings.environment)
      case .field: break
      }
    }
    return try PostgresParameters(text, of: place.connection, secrets)
  }

  private func ask(_ session: Session, _ statement: String, _ parameters: [String] = []) throws(Pause) -> [[String?]] {
    do throws(PostgresError) {
      return try session.connection.rows(statement, parameters, until: now + Self.patience)
    } catch {
      // Whatever the server refuses, a new session finds out anew what the table looks like.
      throw Pause(state: "connecting", reason: session.secrets.scrub(error.sentence), endsSession: true)
    }
  }

  private func count(_ session: Session) throws(Pause) {
    let rows = try ask(session, session.shape.count)
    let count = rows.first?.first.flatMap { $0 }.flatMap { UInt64($0) } ?? 0
    book.change(source.name) { $0.lag = count }
  }

  // MARK: rows

  /// Takes one page. Whether there may be more.
  private func take(
    _ session: Session, _ failed: inout FailedRows, _ decoder: CloudEventDecoder
  ) throws(Pause) -> Bool {
    if failed.isFull, let due = failed.nextDue, due > now {
      throw Pause(
        state: "waiting",
        reason: "\(FailedRows.maximum) rows are no events: mend or delete them; \(failed.summary ?? "")")
    }
    let moment = now
    let found = try ask(
      session, session.shape.page,
      [
        TableShape.array(failed.waitingSubjects(now: moment)), TableShape.array(failed.waitingIDs(now: moment)),
        "\(place.batch)",
      ])
    let rows = found.map { OutboxRow($0) }
    if rows.isEmpty {
      failed.forgetGone(dueAt: moment)
      return false
    }
    var refused: [(row: OutboxRow, reason: String)] = []
    let taken = try append(rows, &refused, decoder)
    for (row, reason) in refused { failed.fail(row.id, subject: row.subject, reason, now: now) }
    failed.succeed(taken.lazy.map(\.id))
    // The rows may go: what they said is on our disk.
    if !taken.isEmpty {
      _ = try ask(session, session.shape.removal, [TableShape.array(taken.lazy.map(\.id))])
    }
    if let note = session.shape.note {
      for (row, reason) in refused { _ = try ask(session, note, [row.id, reason.replacing("\0", with: "")]) }
    }
    return !taken.isEmpty || !refused.isEmpty
  }

  /// Appends what are events. What is not is added to `refused`, and the rows of its subject behind it are left where
  /// they are.
  private func append(
    _ rows: [OutboxRow], _ refused: inout [(row: OutboxRow, reason: String)], _ decoder: CloudEventDecoder
  ) throws(Pause) -> [OutboxRow] {
    var open = rows
    while true {
      let batch = EntryBatch(hash: settings.identity.hash, capacity: 4096)
      var kept: [OutboxRow] = []
      var blocked = Set(refused.compactMap(\.row.subject))
      let contracts = host.contracts
      for row in open {
        if let subject = row.subject, blocked.contains(subject) { continue }
        guard let reason = mistake(adding: row, to: batch, contracts, decoder) else {
          kept.append(row)
          continue
        }
        refuse(row, reason, &refused)
        if let subject = row.subject { blocked.insert(subject) }
      }
      if kept.isEmpty { return [] }
      switch wait(for: batch) {
      case .appended(_, _, _, let duplicates):
        book.change(source.name) { page in
          page.received += UInt64(kept.count)
          page.duplicates += UInt64(duplicates)
        }
        return kept
      case .conflict(let index, let position):
        refuse(kept[index], "another event has its id: it is at position \(position)", &refused)
        open = kept
        open.remove(at: index)
      case .tooLarge(let limit):
        if kept.count == 1 {
          refuse(kept[0], "it has more than \(limit) bytes", &refused)
          return []
        }
        open = Array(kept.prefix(kept.count / 2))
      case .overloaded: throw Pause(state: "waiting", reason: "the engine has too much to do")
      case .noSpace: throw Pause(state: "waiting", reason: "the disk is full")
      case .readFailed(let reason): throw Pause(state: "waiting", reason: "the log cannot be read: \(reason)")
      case .stopped: throw Pause(state: "waiting", reason: "the daemon stops")
      case .expectationFailed, .streamFailed: preconditionFailure("nothing is expected of rows")
      }
    }
  }

  private func refuse(_ row: OutboxRow, _ reason: String, _ refused: inout [(row: OutboxRow, reason: String)]) {
    refused.append((row, reason))
    book.change(source.name) { $0.failed += 1 }
    book.tell(.error, source.name, "row \(row.id) is no event: \(reason)")
  }

  private func mistake(
    adding row: OutboxRow, to batch: EntryBatch, _ contracts: ContractSet, _ decoder: CloudEventDecoder
  ) -> String? {
    let mark = batch.mark
    if let mistake = row.mistake(adding: batch, source: source.name, decoder) { return mistake }
    do throws(ContractSet.Refusal) {
      try contracts.check(batch, from: mark.entries)
      return nil
    } catch {
      batch.truncate(to: mark)
      return "the contract of \(error.type) is broken: \(error.violation)"
    }
  }

  /// The engine answers tasks; this is a thread.
  private func wait(for batch: EntryBatch) -> AppendOutcome {
    let answer = Answer()
    Task { [host] in answer.give(await host.append(batch, expecting: nil, stream: nil)) }
    return answer.take()
  }

  private final class Answer: Sendable {
    private let outcome = Mutex<AppendOutcome?>(nil)
    private let bell = Doorbell()

    func give(_ outcome: AppendOutcome) {
      self.outcome.withLock { $0 = outcome }
      bell.ring()
    }

    func take() -> AppendOutcome {
      while true {
        if let outcome = outcome.withLock({ $0 }) { return outcome }
        bell.wait()
      }
    }
  }
}
