import Engine
import Events
import Testing

@testable import HTTPAPI

/// Requests with bytes changed, cut, doubled and mixed, from printed seeds.
struct `Whatever arrives over HTTP` {
  private static let samples: [String] = [
    "GET /events?from=1&limit=3&type=T*&subject=s&correlation=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /subjects/a%20b HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
    "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cloudevents+json\r\nContent-Length: 32\r\n\r\n"
      + #"{"specversion":"1.0","type":"T"}"#,
    "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
      + "21\r\n" + #"{"specversion":"1.0","type":"T"}"# + "\n\r\n0\r\n\r\n",
    "POST /events HTTP/1.1\r\nHost: localhost\r\nce-specversion: 1.0\r\nce-type: T\r\nContent-Type: application/json\r\n"
      + "Content-Length: 7\r\n\r\n{\"a\":1}",
    "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cloudevents-batch+json\r\n"
      + "Expect: 100-continue\r\nContent-Length: 34\r\n\r\n" + #"[{"specversion":"1.0","type":"T"}]"#,
    "POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
  ]

  @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6])
  func `a good client is served as before`(seed: UInt64) async throws {
    var limits = DoorLimits()
    limits.headerTime = .milliseconds(500)
    limits.requestTime = .milliseconds(500)
    limits.lingerTime = .milliseconds(100)
    try await TestServer.run(limits) { server in
      var random = SystemSeed(seed)
      let port = server.port
      for round in 0..<60 {
        let bytes = Self.damaged(&random)
        try await offPool {
          let client = try RawClient(port: port)
          try? client.send(bytes)
          client.finishSending()
          let text = try client.receiveAll(within: 10)
          let isAnswer = text.isEmpty || text.hasPrefix("HTTP/1.1 ")
          #expect(isAnswer, "seed \(seed), round \(round): \(bytes.text.debugDescription)")
        }
        if round % 10 == 9 {
          let answer = try await server.post(event: event())
          #expect(answer.status == 201, "seed \(seed), after round \(round)")
        }
      }
      var count = 0
      try server.host.visit(from: Position(1), through: server.host.durable) { entry, _, _ in
        count += 1
        return EntryView.isValid(entry.whole)
      }
      #expect(UInt64(count) == server.host.durable.rawValue)
    }
  }

  private static func damaged(_ random: inout SystemSeed) -> [UInt8] {
    var bytes = Array(random.pick(samples).utf8)
    if random.below(4) == 0 { bytes += Array(random.pick(samples).utf8) }
    for _ in 0..<random.below(4) {
      let at = random.below(bytes.count)
      switch random.below(5) {
      case 0: bytes[at] = UInt8(random.below(256))
      case 1: bytes.remove(at: at)
      case 2: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 1 + random.below(30))], at: at)
      case 3: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(20)))
      default:
        bytes.insert(contentsOf: random.pick([[0x0D, 0x0A], [0], [0x20], [0xFF, 0xFE], Array("99999".utf8)]), at: at)
      }
      if bytes.isEmpty { return [0x20] }
    }
    return bytes
  }
}
