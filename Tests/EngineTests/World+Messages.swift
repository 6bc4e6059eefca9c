import Events
import LogStorage
import Scripts

@testable import Engine

/// The far side of destinations, played by the test.
extension World {
  /// `destination#key@position`, the body, and which attempt it is.
  func describe(_ order: DeliveryOrder) -> String {
    let message = order.chunk!.entry(Position(order.position))
    return "\(order.name) \(message.subject.text) \(message.data.text) #\(order.attempt)"
  }

  /// What is under way.
  var underWay: [String] { outgoing.map(describe) }

  /// Ends the attempts under way, the oldest first; gives what they carried.
  @discardableResult
  func answer(_ outcome: (DeliveryOrder) -> DeliveryOutcome = { _ in .delivered(nil) }) -> [String] {
    let orders = outgoing
    outgoing = []
    for order in orders { put(.delivered(order.report(outcome(order), order.chunk))) }
    return orders.map(describe)
  }

  /// Lets everything happen until nothing is left to do now; the far side answers at once.
  @discardableResult
  func settleAnswering(
    _ outcome: (DeliveryOrder) -> DeliveryOutcome = { _ in .delivered(nil) }
  ) throws -> [String] {
    var delivered: [String] = []
    for _ in 0..<10_000 {
      try settle()
      if outgoing.isEmpty { return delivered }
      delivered += answer(outcome)
    }
    return delivered
  }

  static func unavailable(_ message: String = "nobody is there") -> DeliveryOutcome {
    .failed(DeliveryFailure(.unavailable, message))
  }

  static func refused(_ message: String = "500", retryAfter: Int64? = nil) -> DeliveryOutcome {
    .failed(DeliveryFailure(.refused, message, retryAfter: retryAfter))
  }
}
