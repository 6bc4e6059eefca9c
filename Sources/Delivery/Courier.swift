package import Engine
package import LogStorage
internal import Platform
internal import Scripts
internal import Synchronization

/// Takes messages to where their destination says, each attempt once.
///
/// What is retried, in which order and until when is the engine's; a courier only knows attempts. It sees to it that
/// every attempt is answered: by the far side, by what stood in the way, or at the latest a little after the
/// destination's timeout.
///
/// Each kind of place has lanes of its own, a thread or a few each: one for HTTP, one for HTTP to addresses that come
/// from documents, one for files, one for each PostgreSQL table and each NATS server. A far side that hangs delays
/// nobody but its own messages.
package final class Courier: Sendable {
  private let surroundings: Surroundings
  private let watch: Watch
  private let lanes = Mutex(Lanes())

  private struct Lanes {
    var byPlace: [Place: any Lane] = [:]
    var isOver = false
  }

  /// What has a lane of its own.
  private enum Place: Hashable {
    case http(isChecked: Bool)
    case files
    case postgres(DestinationDeclaration.PostgresPlace)
    case nats(Template, isStream: Bool)
  }

  /// - Parameters:
  ///   - outboxFolder: where destinations of the kind `file` write; it is made with the first message.
  ///   - environment: gives what `{env:NAME}` stands for; asked at every attempt.
  ///   - documents: the projections that `each` names; nil when there are none.
  package init(
    settings: CourierSettings, identity: LogIdentity, outboxFolder: String,
    environment: @escaping @Sendable (String) -> String?, documents: (any TargetDocuments)?
  ) {
    surroundings = Surroundings(
      settings: settings, identity: identity, outboxFolder: outboxFolder, environment: environment,
      documents: documents)
    watch = Watch(clock: settings.clock)
  }

  /// Returns at once. `answer` is called once, on some thread of the courier's or on this one, however the attempt
  /// ends: at latest half a second after the destination's timeout. It should return soon, as deliveries wait for it.
  package func deliver(_ attempt: DeliveryAttempt, answer: @escaping @Sendable (DeliveryOutcome) -> Void) {
    let parcel = Parcel(attempt, in: surroundings, watch: watch, answer: answer)
    guard let lane = lane(of: attempt.destination) else { return parcel.end(.failed(.stopping)) }
    watch.add(parcel)
    lane.take(parcel)
  }

  /// Ends: attempts under way get `grace` to end, then they are answered as unavailable. Later ones are answered so at
  /// once. On return the courier's threads have ended, except one that hangs in a call of the system for another two
  /// seconds: it ends when that call returns, and sends nothing any more. Call it once.
  package func stop(grace: Duration) {
    let over = lanes.withLock { lanes -> [any Lane] in
      lanes.isOver = true
      return Array(lanes.byPlace.values)
    }
    watch.finish(grace: grace)
    for lane in over { lane.stop() }
    let deadline = surroundings.clock.monotonicNanoseconds() + 2_000_000_000
    for lane in over { lane.join(until: deadline) }
  }

  private func lane(of destination: DestinationDeclaration) -> (any Lane)? {
    let place: Place =
      switch destination.place {
      case .http: .http(isChecked: destination.each != nil)
      case .file: .files
      case .postgres(let place): .postgres(place)
      case .nats(let place): .nats(place.url, isStream: place.isStream)
      }
    return lanes.withLock { lanes in
      if lanes.isOver { return nil }
      if let lane = lanes.byPlace[place] { return lane }
      let lane: any Lane =
        switch place {
        case .http(let isChecked): HTTPLane(checksAddresses: isChecked, in: surroundings)
        case .files: FileLane(in: surroundings)
        case .postgres(let place): PostgresLane(place, in: surroundings)
        case .nats(let url, let isStream): NATSLane(url: url, isStream: isStream, in: surroundings)
        }
      lanes.byPlace[place] = lane
      return lane
    }
  }
}

/// What all attempts share.
struct Surroundings: Sendable {
  let settings: CourierSettings
  let identity: LogIdentity
  let outboxFolder: String
  let environment: @Sendable (String) -> String?
  let documents: (any TargetDocuments)?

  var clock: any HostClock { settings.clock }
}

/// Takes the messages of one kind of place on threads of its own.
protocol Lane: AnyObject, Sendable {
  /// Any thread; returns at once. Every parcel is ended.
  func take(_ parcel: Parcel)
  /// Any thread. No parcel comes after it; those that lie here are ended already.
  func stop()
  /// Once, after `stop`: waits for the lane's threads, or lets them go at `deadline` (monotonic nanoseconds).
  func join(until deadline: UInt64)
}

/// A lane of one thread, which ends once its queue is over.
protocol QueueLane: Lane {
  var queue: LaneQueue { get }
  var thread: LaneThread { get }
}

extension QueueLane {
  func take(_ parcel: Parcel) { queue.put(parcel) }

  func stop() { queue.finish() }

  func join(until deadline: UInt64) { thread.join(until: deadline) }
}
