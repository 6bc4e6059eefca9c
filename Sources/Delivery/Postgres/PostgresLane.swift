internal import Engine
internal import LogStorage
internal import Platform
internal import Scripts
internal import Synchronization

/// Inserts messages into one table, on a few threads with a connection each.
///
/// A thread takes all that waits and inserts it in one transaction. The others are there for when a transaction has to
/// wait, for a lock or a slow disk: they begin one after the other, when there is work and nobody who is free.
final class PostgresLane: Lane {
  private let queue: LaneQueue
  private let bell: Doorbell
  private let place: DestinationDeclaration.PostgresPlace
  private let surroundings: Surroundings
  private let workers = Mutex(Workers())

  struct Workers {
    var threads: [LaneThread] = []
    var free = 0
  }

  private static let mostThreads = 4

  init(_ place: DestinationDeclaration.PostgresPlace, in surroundings: Surroundings) {
    let bell = Doorbell()
    (self.place, self.surroundings, self.bell) = (place, surroundings, bell)
    queue = LaneQueue { bell.ring() }
  }

  func take(_ parcel: Parcel) {
    queue.put(parcel)
    workers.withLock { workers in
      if workers.free > 0 || workers.threads.count >= Self.mostThreads { return }
      workers.free += 1
      workers.threads.append(LaneThread(name: "deliver-pg") { [self] in run() })
    }
  }

  func stop() { queue.finish() }

  func join(until deadline: UInt64) {
    for thread in workers.withLock({ $0.threads }) { thread.join(until: deadline) }
  }

  private func run() {
    let worker = PostgresWorker(place, in: surroundings)
    while !queue.isOver {
      let parcels = queue.take(atMost: PostgresWorker.mostRows)
      if parcels.isEmpty {
        worker.rest(bell)
        continue
      }
      workers.withLock { $0.free -= 1 }
      worker.deliver(parcels)
      workers.withLock { $0.free += 1 }
    }
    // The bell wakes one.
    bell.ring()
    queue.endAll()
  }
}

/// One thread of the lane and its connection.
private final class PostgresWorker {
  private let place: DestinationDeclaration.PostgresPlace
  private let table: PostgresTable
  private let surroundings: Surroundings
  private var connection: PostgresConnection?

  /// In one transaction.
  static let mostRows = 256
  /// How long a connection is kept that nobody needs.
  private static let keptNanoseconds: UInt64 = 60_000_000_000

  private typealias Item = (parcel: Parcel, row: PostgresRow)

  init(_ place: DestinationDeclaration.PostgresPlace, in surroundings: Surroundings) {
    (self.place, self.surroundings) = (place, surroundings)
    table = PostgresTable(place.table)
  }

  /// Waits for the bell.
  func rest(_ bell: Doorbell) {
    guard connection != nil else { return _ = bell.wait() }
    let isRung = bell.wait(until: surroundings.clock.monotonicNanoseconds() + Self.keptNanoseconds)
    if !isRung { connection = nil }
  }

  func deliver(_ parcels: [Parcel]) {
    var items: [Item] = []
    let now = surroundings.clock.monotonicNanoseconds()
    for parcel in parcels where parcel.mayBeSent(at: now) {
      do throws(DeliveryFailure) {
        items.append((parcel, try PostgresRow(parcel, from: surroundings.identity.name)))
      } catch {
        parcel.end(.failed(error))
      }
    }
    guard let first = items.first?.parcel else { return }
    do throws(DeliveryFailure) {
      try insert(&items, try parameters(first))
    } catch {
      for item in items { item.parcel.end(.failed(error)) }
    }
  }

  private func parameters(_ parcel: Parcel) throws(DeliveryFailure) -> PostgresParameters {
    guard place.connection.isWithoutFields else {
      throw DeliveryFailure(.impossible, "\(place.connection) has fields in it: a connection is made of {env:…} only")
    }
    var filling = Filling(parcel, in: surroundings)
    let text = try filling.text(place.connection)
    return try PostgresParameters(text, of: place.connection, filling.secrets)
  }

  /// Ends the parcels that it takes out of `items`.
  /// - Throws: what holds for all the rest.
  private func insert(_ items: inout [Item], _ parameters: PostgresParameters) throws(DeliveryFailure) {
    let deadline = items.map(\.parcel.deadline).max() ?? 0
    func failure(_ error: PostgresError) -> DeliveryFailure {
      if error.endsSession { connection = nil }
      let text = parameters.secrets.scrub("table \(table.name): \(error.sentence)")
      return DeliveryFailure(error.isPassing ? .unavailable : .refused, text)
    }
    let session: PostgresConnection
    do throws(PostgresError) {
      session = try open(parameters.text, items[0].parcel, until: deadline)
    } catch {
      throw failure(error)
    }
    // Opening may have taken so long that some were answered: they shall not be sent any more.
    let now = surroundings.clock.monotonicNanoseconds()
    items.removeAll { !$0.parcel.mayBeSent(at: now) }
    do throws(PostgresError) {
      try insert(items.map(\.row), session, until: deadline)
    } catch {
      if error.isPassing || items.count == 1 { throw failure(error) }
      return try insertSingly(&items, session, until: deadline, failure)
    }
    end(&items, .delivered(nil))
  }

  /// One of them cannot be stored: each gets a transaction of its own, so that the others can.
  private func insertSingly(
    _ items: inout [Item], _ session: PostgresConnection, until deadline: UInt64,
    _ failure: (PostgresError) -> DeliveryFailure
  ) throws(DeliveryFailure) {
    while let item = items.first {
      do throws(PostgresError) {
        try session.insert(CollectionOfOne(item.row), until: deadline)
        item.parcel.end(.delivered(nil))
      } catch {
        if error.isPassing { throw failure(error) }
        item.parcel.end(.failed(failure(error)))
      }
      items.removeFirst()
    }
  }

  private func end(_ items: inout [Item], _ outcome: DeliveryOutcome) {
    for item in items { item.parcel.end(outcome) }
    items = []
  }

  /// The session that is there, or a new one.
  private func open(
    _ parameters: String, _ parcel: Parcel, until deadline: UInt64
  ) throws(PostgresError) -> PostgresConnection {
    if let connection, connection.parameters == parameters, connection.isAlive { return connection }
    connection = nil
    let session = try PostgresConnection(parameters, clock: surroundings.clock, until: deadline)
    let timeout = max(1, parcel.attempt.destination.timeout / 1000)
    do throws(PostgresError) {
      try session.prepare(table.insertion, timeout: timeout, until: deadline)
    } catch {
      guard error.isMissingTable else { throw error }
      try create(session, until: deadline)
      try session.prepare(table.insertion, timeout: timeout, until: deadline)
    }
    connection = session
    return session
  }

  private func insert(
    _ rows: [PostgresRow], _ session: PostgresConnection, until deadline: UInt64
  ) throws(PostgresError) {
    if rows.isEmpty { return }
    do throws(PostgresError) {
      try session.insert(rows, until: deadline)
    } catch {
      // Somebody has dropped the table meanwhile.
      guard error.isMissingTable else { throw error }
      try create(session, until: deadline)
      try session.insert(rows, until: deadline)
    }
  }

  private func create(_ session: PostgresConnection, until deadline: UInt64) throws(PostgresError) {
    do throws(PostgresError) {
      try session.run(table.creation, until: deadline)
    } catch {
      if !error.isAlreadyThere { throw error }
    }
  }
}
