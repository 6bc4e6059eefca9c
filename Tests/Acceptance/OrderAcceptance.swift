import Foundation
import Synchronization
import TestKit
import Testing

/// Promises 1, 2 and 4 with the real binary, all at once: ten consumers, events that fail for a while, a daemon that is
/// killed again and again.
@Suite("Order under failures")
struct OrderAcceptance {
  /// The full size; `MOONDANCE_ORDER_EVENTS` sets another.
  static let events = ProcessInfo.processInfo.environment["MOONDANCE_ORDER_EVENTS"].flatMap { Int($0) } ?? 200_000
  static let subjects = max(1, events / 10)
  static let consumers = 10
  static let kills = 10
  static let batch = 1000

  /// Every consumer reacts to every event, once; to those that are to fail for it, not before the time that they say.
  private static var handlers: [String: String] {
    Dictionary(
      uniqueKeysWithValues: (0..<consumers).map { number in
        (
          "c\(number).lua",
          """
          consumer "c\(number)" {
            from = "start",
            retry = { attempts = 1000, first = "20ms", factor = 2, cap = "500ms" },
            on = { Ping = function(event)
              local fails = event.data.fails
              local late = now() - event.recorded
              if fails and late < fails[\(number + 1)] then error("not yet") end
              emit("Done\(number)", { late = late })
            end },
          }
          """
        )
      })
  }

  /// What is sent: event `n` on subject `s<subject[n]>`, failing for consumer c until `fails[n][c]` ms have passed.
  private struct Plan {
    var subject: [Int] = []
    /// One event in a hundred.
    var fails: [Int: [Int]] = [:]

    init(_ seed: inout Seed) {
      for number in 0..<OrderAcceptance.events {
        subject.append(seed.below(OrderAcceptance.subjects))
        guard seed.oneIn(100) else { continue }
        fails[number] = (0..<OrderAcceptance.consumers).map { _ in seed.oneIn(2) ? 0 : 30 + seed.below(600) }
      }
    }

    func batch(_ numbers: Range<Int>) -> Data {
      let events = numbers.map { number in
        let fails = fails[number].map { #","fails":\#($0)"# } ?? ""
        return """
          {"specversion":"1.0","id":"\(number)","source":"/order","type":"Ping","subject":"s\(subject[number])",\
          "data":{"n":\(number)\(fails)}}
          """
      }
      return Data("[\(events.joined(separator: ","))]".utf8)
    }
  }

  @Test(.timeLimit(.minutes(10)))
  func `each consumer handles each subject's events in log order, each once, over ten kills`() async throws {
    var seed = Seed.printed()
    let plan = Plan(&seed)
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let data = folder.path + "/data"
    let began = ContinuousClock.now

    var sent = 0
    for kill in 0...Self.kills {
      let daemon = try DaemonProcess(handlers: handlers, data: data)
      let isLast = kill == Self.kills
      // The log grows evenly from kill to kill, and arrivals keep only a little ahead of the handling.
      let all = Self.events * (Self.consumers + 1)
      let killedAt = isLast ? all : all * (kill + 1) / (Self.kills + 1)
      let killer: Task<Void, any Error>?
      if isLast {
        killer = nil
      } else {
        let pause = Duration.milliseconds(seed.below(100))
        killer = Task.detached {
          try await eventually(within: 120, "the log to grow to \(killedAt)") {
            let head = (try await daemon.status()["log"] as? [String: Any])?["head"] as? Int ?? 0
            return head >= killedAt ? nil : "\(head)"
          }
          try await Task.sleep(for: pause)
          daemon.kill()
        }
      }
      let limit = min(Self.events, Self.events * (kill + 2) / (Self.kills + 1) + 5000)
      while sent < limit, let connection = try? DoorConnection(port: daemon.port) {
        let next = min(sent + Self.batch, Self.events)
        guard let response = try? connection.postBatch(plan.batch(sent..<next)) else { break }
        try #require(response.status == 201, "\(String(decoding: response.body, as: UTF8.self))")
        sent = next
      }
      if let killer {
        try await killer.value
      } else {
        try await daemon.settle(within: 300)
        try await eventually(within: 300, "no key to be blocked") {
          let consumers = try await daemon.status()["consumers"] as? [[String: Any]] ?? []
          return consumers.allSatisfy { $0["blocked"] as? Int == 0 } ? nil : "\(consumers.map { $0["blocked"] ?? "" })"
        }
        #expect(daemon.stop() == 0)
      }
    }
    let ran = ContinuousClock.now - began
    try check(plan, LogExport(of: data, file: folder.path + "/export"))
    print(
      "\(Self.events) events, \(Self.consumers) consumers: ran \(ran), checked \(ContinuousClock.now - began - ran)")
  }

  /// Goes through the log once.
  private func check(_ plan: Plan, _ log: LogExport) throws {
    struct Wrong: Error, CustomStringConvertible {
      var description: String
    }
    /// By position: the number of the event there.
    var numbers: [Int: Int] = [:]
    var isThere = [Bool](repeating: false, count: Self.events)
    var isDone = [Bool](repeating: false, count: Self.events * Self.consumers)
    /// By subject and consumer: the position of the last event that was handled.
    var last = [Int](repeating: 0, count: Self.subjects * Self.consumers)
    var (pings, done, failed) = (0, 0, 0)
    try log.forEach { line in
      guard let type = line.text("\"type\":\""), let position = line.number("\"position\":") else {
        throw Wrong(description: "a line without type or position")
      }
      if type.count == 4, type[0] == UInt8(ascii: "P") {
        guard let number = line.number("\"id\":\"") else { throw Wrong(description: "no id at \(position)") }
        if isThere[number] { throw Wrong(description: "event \(number) is there twice") }
        isThere[number] = true
        numbers[position] = number
        pings += 1
        return
      }
      let consumer = Int(type[4] - UInt8(ascii: "0"))
      guard let cause = line.number("\"causationid\":\""), let number = numbers[cause],
        let late = line.number("\"late\":"), let subject = line.text("\"subject\":\""),
        LogExport.Line.number(UnsafeRawBufferPointer(rebasing: subject[1...])) == plan.subject[number]
      else { throw Wrong(description: "the effect at \(position) has no cause") }
      let place = number * Self.consumers + consumer
      if isDone[place] { throw Wrong(description: "consumer \(consumer) handled event \(number) twice") }
      isDone[place] = true
      let key = plan.subject[number] * Self.consumers + consumer
      if last[key] >= cause { throw Wrong(description: "consumer \(consumer) handled \(cause) after \(last[key])") }
      last[key] = cause
      if let fails = plan.fails[number]?[consumer], fails > 0 {
        if late < fails { throw Wrong(description: "event \(number) did not fail for consumer \(consumer)") }
        failed += 1
      }
      done += 1
    }
    #expect(pings == Self.events)
    #expect(done == Self.events * Self.consumers)
    #expect(failed > Self.events * Self.consumers / 400, "too few failed to mean anything: \(failed)")
  }
}
