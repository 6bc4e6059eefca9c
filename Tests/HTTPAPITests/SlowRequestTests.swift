import Engine
import Events
import Foundation
import Testing
import Wire

@testable import HTTPAPI

/// Time limits, with short times, so that a test is over soon.
struct `A slow or silent client` {
  private func limits(_ change: (inout DoorLimits) -> Void) -> DoorLimits {
    var limits = DoorLimits()
    change(&limits)
    return limits
  }

  @Test func `has so long for its headers`() async throws {
    try await TestServer.run(limits { $0.headerTime = .milliseconds(200) }) { server in
      let port = server.port
      let response = try await offPool {
        let client = try RawClient(port: port)
        // Slowloris: a byte now and then, which would keep an idle timer happy for ever.
        for byte in "GET /events HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".utf8 {
          guard (try? client.send([byte])) != nil, !client.isClosedByPeer else { break }
          usleep(10_000)
        }
        return try client.response()
      }
      #expect(response?.status == 408)
      #expect(try response?.decoded(Problem.self).kind == .requestTimeout)
    }
  }

  @Test func `has so long for a whole request`() async throws {
    try await TestServer.run(limits { $0.requestTime = .milliseconds(300) }) { server in
      let port = server.port
      let response = try await offPool {
        let client = try RawClient(port: port)
        try client.send(
          TestServer.head(
            "POST", "/events", [("Content-Type", "application/cloudevents+json")], length: 5000, port: port))
        for _ in 0..<200 {
          guard (try? client.send([0x20])) != nil, !client.isClosedByPeer else { break }
          usleep(10_000)
        }
        return try client.response()
      }
      #expect(response?.status == 408)
      #expect(server.host.durable == .start)
    }
  }

  @Test func `may stream for longer than that, while bytes come`() async throws {
    let short = limits {
      $0.requestTime = .milliseconds(200)
      $0.idleTime = .milliseconds(400)
    }
    try await TestServer.run(short) { server in
      let port = server.port
      let host = server.host
      try await offPool {
        let client = try RawClient(port: port)
        let headers = [("Content-Type", "application/x-ndjson"), ("Transfer-Encoding", "chunked")]
        try client.send(TestServer.head("POST", "/events", headers, port: port))
        let line = event() + "\n"
        for number in 1...12 {
          try client.send(String(line.utf8.count, radix: 16) + "\r\n" + line + "\r\n")
          try eventuallyBlocking { host.durable == Position(UInt64(number)) }
          usleep(50_000)
        }
        // Then silence: the stream is given up, and what came is in.
        let response = try client.response()
        #expect(response?.status == 408)
      }
      #expect(server.host.durable == Position(12))
    }
  }

  @Test func `is not cut off while the engine is slow`() async throws {
    let short = limits {
      $0.requestTime = .milliseconds(300)
      $0.idleTime = .milliseconds(300)
      $0.headerTime = .milliseconds(300)
    }
    try await TestServer.run(short) { server in
      server.host.hold()
      let port = server.port
      let client = try await offPool {
        let client = try RawClient(port: port)
        let body = event()
        try client.send(
          TestServer.head(
            "POST", "/events", [("Content-Type", "application/cloudevents+json")], length: body.utf8.count, port: port))
        try client.send(body)
        // Longer than any of the limits.
        usleep(1_000_000)
        return client
      }
      server.host.release()
      let response = try await offPool { try client.response() }
      #expect(response?.status == 201)
    }
  }

  @Test func `without a request is let go after the idle time`() async throws {
    try await TestServer.run(limits { $0.idleTime = .milliseconds(200) }) { server in
      let port = server.port
      let wasClosed = try await offPool {
        let fresh = try RawClient(port: port)
        let used = try RawClient(port: port)
        try used.send(TestServer.head("GET", "/health/live", port: port))
        let answer = try used.response()
        let freshEnd = try fresh.receive(until: { _ in false })
        let usedEnd = try used.receive(until: { _ in false })
        return answer?.status == 200 && !freshEnd && !usedEnd
      }
      #expect(wasClosed)
    }
  }

  @Test func `makes room for a good one when there are too many`() async throws {
    try await TestServer.run(limits { $0.connections = 16 }) { server in
      let port = server.port
      let crowd = try await offPool { try (0..<200).map { _ in try RawClient(port: port) } }
      for _ in 0..<20 {
        let answer = try await server.post(event: event())
        #expect(answer.status == 201)
      }
      let closed = try await offPool {
        try eventuallyBlocking { crowd.filter(\.isClosedByPeer).count >= 184 }
        return crowd.filter(\.isClosedByPeer).count
      }
      #expect(closed >= 184)
    }
  }

  @Test func `does not push out clients that are being served`() async throws {
    try await TestServer.run(limits { $0.connections = 4 }) { server in
      let port = server.port
      server.host.append("T")
      let followers = try await offPool {
        try (0..<4).map { _ in
          let client = try RawClient(port: port)
          try client.send(TestServer.head("GET", "/events", [("Accept", "text/event-stream")], port: port))
          _ = try client.receive(through: "id: 1\n")
          return client
        }
      }
      // A fifth finds every place taken by somebody who is busy.
      let isRefused = try await offPool {
        let client = try RawClient(port: port)
        try? client.send(TestServer.head("GET", "/health/live", port: port))
        return try client.response() == nil
      }
      #expect(isRefused)
      server.host.append("U")
      try await offPool { for client in followers { _ = try client.receive(through: "id: 2\n") } }
    }
  }
}
