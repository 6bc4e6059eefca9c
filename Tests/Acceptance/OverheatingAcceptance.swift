import Foundation
import TestKit
import Testing

/// A consumer that decides on what it remembers, with the real binary: a decision is in the commit of the event that led
/// to it, so no way of feeding it and no end of the daemon makes it decide twice or not at all.
@Suite("An alarm when three of a machine's last five readings are too hot")
struct OverheatingAcceptance {
  private static let handlers = [
    "overheating.lua": """
    consumer "overheating" {
      state = { last = array {}, alarm = false },
      on = { Reading = function(event, state)
        state.last[#state.last + 1] = event.data.celsius
        if #state.last > 5 then table.remove(state.last, 1) end
        local hot = 0
        for _, celsius in ipairs(state.last) do if celsius > 80 then hot = hot + 1 end end
        if hot >= 3 and not state.alarm then
          state.alarm = true
          emit("AlarmRaised", { hot = hot, celsius = event.data.celsius })
        elseif hot < 3 and state.alarm then
          state.alarm = false
          emit("AlarmCleared", { hot = hot, celsius = event.data.celsius })
        end
      end },
    }
    """
  ]

  private static let readings: [(machine: Int, celsius: Int)] = {
    var random = Seed(9)
    return (0..<1000).map { _ in (random.below(12), 60 + random.below(40)) }
  }()

  private static let feeding = Feeding(
    handlers: handlers,
    events: readings.enumerated().map { number, reading in
      [
        "specversion": "1.0", "id": "r\(number)", "source": "/hall", "type": "Reading",
        "subject": "machine-\(reading.machine)", "data": ["celsius": reading.celsius],
      ]
    })

  /// Computed here, from the readings alone.
  private static let expected: [String] = {
    var known: [Int: (last: [Int], alarm: Bool)] = [:]
    return readings.enumerated().compactMap { number, reading in
      var (last, alarm) = known[reading.machine] ?? ([], false)
      last = (last + [reading.celsius]).suffix(5)
      let hot = last.count { $0 > 80 }
      let changes = (hot >= 3) != alarm
      if changes { alarm.toggle() }
      known[reading.machine] = (last, alarm)
      return changes
        ? "\(alarm ? "AlarmRaised" : "AlarmCleared") r\(number) machine-\(reading.machine) \(hot) \(reading.celsius)"
        : nil
    }
  }()

  private static func said(_ daemon: DaemonProcess) async throws -> [String] {
    let events = try await daemon.allEvents()
    let ids = Dictionary(uniqueKeysWithValues: events.map { ($0.position, $0.text("id")) })
    let made = events.filter { $0.text("type").hasPrefix("Alarm") }
    return made.sorted { $0.cause < $1.cause }.map { event in
      let data = event["data"] as? [String: Any] ?? [:]
      return "\(event.text("type")) \(ids[event.cause] ?? "?") \(event.text("subject")) "
        + "\(data["hot"] ?? "") \(data["celsius"] ?? "")"
    }
  }

  @Test(.timeLimit(.minutes(3)))
  func `is the same one by one, in one batch of a thousand, and across ten restarts`() async throws {
    #expect(Self.expected.count > 100)
    for (size, restarts) in [(1000, false), (100, true), (1, false)] {
      #expect(try await Self.feeding.run(parts: size, restarts: restarts, Self.said) == Self.expected, "\(size)")
    }
  }
}
