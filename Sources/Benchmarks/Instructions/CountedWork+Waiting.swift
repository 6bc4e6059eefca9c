import Engine
import Events

/// Work that waits for something: for another event, for a time, for both.
extension CountedWork {
  static let rule = CountedWork(
    name: "rule", summary: "a rule that waits for two events of a subject: an instance, opened, answered and closed",
    units: 4000
  ) { folder in
    let host = try LoneHost(in: folder)
    try host.fill(4000, ["PaymentCaptured", "StockReserved"])
    return {
      try host.deploy(
        """
        rule "ship when paid and reserved" {
          from = "start", when = all { "PaymentCaptured", "StockReserved" }, within = "15m", emit = "ReadyToShip",
          otherwise = "OrderStalled",
        }
        """)
      try host.settle()
      try host.expect(12_000)
    }
  }

  static let timer = CountedWork(
    name: "timer", summary: "a timer: set by a handler, waited for, and fired", units: 10_000
  ) { folder in
    let host = try LoneHost(in: folder)
    try host.fill(10_000, ["OrderPlaced"])
    return {
      try host.deploy(
        """
        consumer "remind" {
          from = "start",
          on = { OrderPlaced = function(event) after("1h", "PaymentOverdue", { n = event.data.n }, { id = "terms" }) end },
        }
        """)
      try host.settle()
      host.advance(microseconds: 3_600_000_000)
      try host.settle()
      try host.expect(30_000)
    }
  }

  static let process = CountedWork(
    name: "process", summary: "an instance of a process: started, put down at a wait, run again to it, and ended",
    units: 2000
  ) { folder in
    let host = try LoneHost(in: folder)
    try host.fill(2000, ["OrderPlaced", "PaymentCaptured"])
    return {
      try host.deploy(
        """
        process "order" {
          from = "start", starts = "OrderPlaced", hears = "PaymentCaptured",
          run = function(order)
            emit("PaymentWanted", { n = order.data.n })
            local paid = await { "PaymentCaptured", within = "2d" }
            emit(paid and "OrderConfirmed" or "OrderLate", { n = order.data.n })
          end,
        }
        """)
      try host.settle()
      try host.expect(8000)
    }
  }
}

extension LoneHost {
  /// Appends events of so many subjects before the counting begins: of the first type one for each, then of the next.
  fileprivate func fill(_ subjects: Int, _ types: [String]) throws {
    for type in types {
      for first in stride(from: 0, to: subjects, by: 1000) {
        let batch = EntryBatch(hash: hash)
        for number in first..<min(first + 1000, subjects) {
          batch.add(type, "order-\(number)", json: #"{"n":\#(number)}"#.utf8)
        }
        append(batch)
        try settle()
      }
    }
  }
}
