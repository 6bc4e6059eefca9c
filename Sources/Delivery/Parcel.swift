internal import Engine
internal import LogStorage
internal import Platform
internal import Scripts
internal import Synchronization

/// An attempt on its way, which is answered exactly once.
final class Parcel: Sendable {
  typealias Answer = @Sendable (DeliveryOutcome) -> Void

  let attempt: DeliveryAttempt
  /// The same at every attempt.
  let id: String
  /// What is asked, when the answer is wanted.
  let request: Result<RequestOrder, DeliveryFailure>?
  /// Monotonic nanoseconds. Nothing of the message may be sent after it.
  let deadline: UInt64
  /// The time the attempt has, in µs.
  let time: Int64
  private let answer: Mutex<Answer?>
  private let watch: Watch

  init(
    _ attempt: DeliveryAttempt, in surroundings: Surroundings, watch: Watch, answer: @escaping Answer
  ) {
    self.attempt = attempt
    id = "\(surroundings.identity.id)-\(attempt.position)"
    request = RequestOrder.of(attempt.message)
    var time = attempt.destination.timeout
    if case .success(let order)? = request, let end = order.deadline {
      time = min(time, end - surroundings.clock.wallMicroseconds())
    }
    self.time = max(time, 0)
    deadline = surroundings.clock.monotonicNanoseconds() + UInt64(self.time) * 1000
    self.answer = Mutex(answer)
    self.watch = watch
  }

  /// The first end counts: the lane's, or that of the watch when the lane takes too long.
  func end(_ outcome: DeliveryOutcome) {
    let answer = self.answer.withLock { answer in
      defer { answer = nil }
      return answer
    }
    guard let answer else { return }
    watch.remove(self)
    answer(outcome)
  }

  var isOpen: Bool { answer.withLock { $0 != nil } }

  /// Whether a lane that comes to it only now may still send it. Ends it when its time is over.
  func mayBeSent(at now: UInt64) -> Bool {
    guard isOpen else { return false }
    if now < deadline { return true }
    end(.failed(late))
    return false
  }

  /// That no answer came in time.
  var late: DeliveryFailure {
    if time == 0 { return DeliveryFailure(.impossible, "the time that the request was given is over") }
    return DeliveryFailure(.unavailable, "no answer within \(Self.text(microseconds: time))")
  }

  static func text(microseconds: Int64) -> String {
    microseconds % 1_000_000 == 0 ? "\(microseconds / 1_000_000) s" : "\(microseconds / 1000) ms"
  }
}

extension DeliveryFailure {
  static let stopping = DeliveryFailure(.unavailable, "the daemon is stopping")
}
