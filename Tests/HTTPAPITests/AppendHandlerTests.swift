import Engine
import Foundation
import Testing

@testable import HTTPAPI

/// Appends are answered where their bytes arrive, every other request by the routes: on one connection nobody may notice.
@Suite("Appends and other requests on one connection")
struct AppendHandlerTests {
  private static func append(_ type: String, port: Int) -> String {
    let body = event(type)
    return TestServer.head(
      "POST", "/events", [("Content-Type", "application/cloudevents+json")], length: body.utf8.count, port: port) + body
  }

  private static func stream(_ type: String, port: Int) -> String {
    let line = event(type) + "\n"
    return TestServer.head(
      "POST", "/events", [("Content-Type", "application/x-ndjson")], length: line.utf8.count, port: port) + line
  }

  private static func first(_ answer: RawClient.Response?) throws -> Int? { try answer?.json()["first"] as? Int }

  @Test func `are answered in the order in which they were sent, at once or not`() async throws {
    try await TestServer.run { server in
      let port = server.port
      server.host.hold()
      let client = try await offPool { try RawClient(port: port) }
      try await offPool {
        try client.send(
          Self.append("A", port: port) + Self.append("B", port: port)
            + TestServer.head("GET", "/events/2", port: port) + Self.stream("C", port: port)
            + TestServer.head("GET", "/nowhere", port: port) + Self.append("D", port: port))
      }
      // What comes behind the first waits for its answer.
      try await eventually { server.host.batchSizes == [1] }
      await #expect(throws: RawClient.Failure.self) { try await offPool { try client.response(within: 0.1) } }
      #expect(server.host.batchSizes == [1])
      server.host.release()
      let answers = try await offPool { try (0..<6).map { _ in try client.response() } }
      #expect(answers.map { $0?.status } == [201, 201, 200, 201, 404, 201])
      #expect(try [0, 1, 3, 5].map { try Self.first(answers[$0]) } == [1, 2, 3, 4])
      #expect(answers[2]?.text.contains(#""type":"B""#) == true)
    }
  }

  @Test func `are answered though their sender has ended sending`() async throws {
    try await TestServer.run { server in
      let port = server.port
      server.host.hold()
      let client = try await offPool { try RawClient(port: port) }
      try await offPool {
        try client.send(Self.append("A", port: port) + Self.append("B", port: port))
        client.finishSending()
      }
      try await eventually { server.host.batchSizes == [1] }
      server.host.release()
      let answers = try await offPool { try (0..<2).map { _ in try client.response() } }
      #expect(answers.map { $0?.status } == [201, 201])
      #expect(try await offPool { try client.response() } == nil, "the connection ends behind the last answer")
    }
  }

  @Test func `a door that shuts answers what is with the engine before it closes`() async throws {
    var client: RawClient?
    try await TestServer.run { server in
      let (port, host) = (server.port, server.host)
      host.hold()
      let opened = try await offPool { try RawClient(port: port) }
      client = opened
      try await offPool { try opened.send(Self.append("A", port: port)) }
      try await eventually { host.batchSizes == [1] }
      Task {
        // The door shuts when this closure is left, and takes no more connections.
        try await eventually { (try? RawClient(port: port)) == nil }
        host.release()
      }
    }
    let last = try #require(client)
    #expect(try await offPool { try last.response()?.status } == 201)
    #expect(try await offPool { try last.response() } == nil)
  }

  @Test func `a body without a length is refused once it is too long`() async throws {
    var limits = DoorLimits()
    limits.eventBytes = 1000
    try await TestServer.run(limits) { server in
      let port = server.port
      let client = try await offPool { try RawClient(port: port) }
      try await offPool {
        try client.send(
          TestServer.head(
            "POST", "/events",
            [("Content-Type", "application/cloudevents+json"), ("Transfer-Encoding", "chunked")], port: port))
        for _ in 0..<3 { try client.send("190\r\n" + String(repeating: " ", count: 400) + "\r\n") }
      }
      let answer = try await offPool { try client.response() }
      #expect(answer?.status == 413 && answer?.headers["connection"] == "close")
      #expect(server.host.batchSizes == [])
    }
  }
}
