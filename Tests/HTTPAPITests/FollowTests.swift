import Engine
import Events
import Foundation
import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import HTTPAPI

struct `Following over HTTP` {
  private func open(_ server: TestServer, _ path: String, _ headers: [(String, String)] = []) async throws -> RawClient
  {
    let port = server.port
    return try await offPool {
      let client = try RawClient(port: port)
      try client.send(TestServer.head("GET", path, [("Accept", "text/event-stream")] + headers, port: port))
      let head = try client.receive(through: "\r\n\r\n")
      guard head.hasPrefix("HTTP/1.1 200"), head.lowercased().contains("content-type: text/event-stream") else {
        throw RawClient.Failure(description: head)
      }
      return client
    }
  }

  /// The position and the type of the next event.
  private func next(_ client: RawClient) async throws -> (UInt64, String) {
    try await offPool {
      while true {
        let block = try client.receive(through: "\n\n")
        let lines = block.split(whereSeparator: \.isNewline)
        guard let data = lines.first(where: { $0.hasPrefix("data: ") }) else { continue }
        let id = lines.first { $0.hasPrefix("id: ") }?.dropFirst(4) ?? "0"
        let json = try JSONSerialization.jsonObject(with: Data(data.dropFirst(6).utf8)) as? [String: Any]
        return (UInt64(id) ?? 0, json?["type"] as? String ?? "")
      }
    }
  }

  @Test func `gives what is there and then what comes`() async throws {
    try await TestServer.run { server in
      for number in 1...3 { server.host.append("Old\(number)") }
      let client = try await open(server, "/events")
      for number in 1...3 {
        let event = try await next(client)
        #expect(event == (UInt64(number), "Old\(number)"))
      }
      for number in 4...6 {
        _ = try await server.post(event: event("New\(number)"))
        let event = try await next(client)
        #expect(event == (UInt64(number), "New\(number)"))
      }
    }
  }

  @Test func `resumes after the last one that was seen`() async throws {
    try await TestServer.run { server in
      for number in 1...5 { server.host.append("T\(number)") }
      let client = try await open(server, "/events?from=1", [("Last-Event-ID", "3")])
      let event = try await next(client)
      #expect(event == (4, "T4"))
      let bad = try await server.get("/events", [("Accept", "text/event-stream"), ("Last-Event-ID", "x")])
      #expect(bad.status == 400)
    }
  }

  @Test func `gives only what is asked for`() async throws {
    try await TestServer.run { server in
      for number in 1...20 { server.host.append(number % 2 == 0 ? "Even" : "Odd", subject: "\(number % 3)") }
      let client = try await open(server, "/events?type=Ev*&subject=0&limit=3")
      for expected in [6, 12, 18] {
        let event = try await next(client)
        #expect(event == (UInt64(expected), "Even"))
      }
      // The limit is reached, so the stream ends.
      #expect(try await offPool { try client.receive(until: { _ in false }) } == false)
      // A page is bounded, a stream is not.
      let bounded = try await server.get("/events?limit=1001")
      #expect(bounded.status == 400)
      _ = try await open(server, "/events?limit=1001")
      let last = try await open(server, "/events?last=2")
      #expect(try await next(last).0 == 19)
      #expect(try await next(last).0 == 20)
    }
  }

  @Test func `loses nothing and repeats nothing while events pour in`() async throws {
    try await TestServer.run { server in
      let client = try await open(server, "/events")
      let writer = Task {
        for number in 0..<40 {
          let lines = (0..<100).map { event("T\(number * 100 + $0 + 1)") + "\n" }.joined()
          _ = try await server.post(lines: lines)
        }
      }
      for number in 1...4000 {
        let event = try await next(client)
        guard event == (UInt64(number), "T\(number)") else {
          Issue.record("\(event) came as number \(number)")
          break
        }
      }
      try await writer.value
    }
  }

  @Test func `line breaks of JSON do not break the stream`() async throws {
    try await TestServer.run { server in
      server.host.append("T", data: "{\n\"a\":\r\n 1}")
      server.host.append("U")
      let client = try await open(server, "/events")
      let block = try await offPool {
        _ = try client.receive(through: "id: 1\n")
        return try client.receive(through: "\n\n")
      }
      #expect(block.hasSuffix("\"data\":{ \"a\":   1}}\n\n"))
      #expect(try await next(client).0 == 2)
    }
  }

  @Test func `says that it is alive, and how far it has looked`() async throws {
    var limits = DoorLimits()
    limits.keepAliveTime = .milliseconds(50)
    try await TestServer.run(limits) { server in
      for _ in 1...7 { server.host.append("T") }
      let client = try await open(server, "/events?type=Nothing")
      let block = try await offPool { try client.receive(through: ": alive\n\n") }
      #expect(block.hasSuffix("id: 7\n: alive\n\n"))
    }
  }

  @Test func `ends when the daemon stops`() async throws {
    var client: RawClient?
    try await TestServer.run { server in
      server.host.append("T")
      let follower = try await open(server, "/events")
      _ = try await next(follower)
      client = follower
    }
    let follower = try #require(client)
    #expect(try await offPool { try follower.receive(until: { _ in false }) } == false)
  }

  @Test func `a reader that reads nothing is cut off, and nobody waits for it`() async throws {
    var limits = DoorLimits()
    limits.stallTime = .milliseconds(300)
    try await TestServer.run(limits) { server in
      let port = server.port
      let data = "\"\(String(repeating: "x", count: 100_000))\""
      for _ in 1...200 { server.host.append("Big", data: data) }
      let client = try await offPool {
        let client = try RawClient(port: port, receiveBuffer: 4096)
        try client.send(TestServer.head("GET", "/events", [("Accept", "text/event-stream")], port: port))
        return client
      }
      // Another client is served meanwhile.
      let answer = try await server.post(event: event())
      #expect(answer.status == 201)
      try await eventually("a reader who reads nothing is still there") {
        try await offPool { client.isClosedByPeer }
      }
    }
  }

  @Test func `a reader that is too slow is told where to resume`() async throws {
    var limits = DoorLimits()
    limits.followTime = .milliseconds(20)
    limits.chunkBytes = 1000
    let host = MemoryHost()
    for _ in 1...100 { host.append("T", data: "\"\(String(repeating: "x", count: 150))\"") }
    let configuration = try DoorConfiguration(address: ListenAddress(host: "127.0.0.1", port: 0), limits: limits)
    let readers = NIOThreadPool(numberOfThreads: 1)
    readers.start()
    let services = DoorServices(configuration: configuration, host: host, reading: host, version: "1", readers: readers)
    let slow = SlowWriter(delay: .milliseconds(40))
    var writer: any ResponseBodyWriter = slow
    let (wakes, _) = AsyncStream<Void>.makeStream()
    try await FollowRoute(services: services, query: EventQuery()).follow(&writer, wakes)
    let text = slow.text
    let last = try #require(text.ranges(of: "\"position\":").last.map { text[$0.upperBound...].prefix { $0.isNumber } })
    #expect(text.hasSuffix("event: cut\nid: \(last)\ndata: {\"reason\":\"too slow\",\"last\":\(last)}\n\n"))
    #expect((1...10).contains(Int(last) ?? 0), "after one portion, not after the whole log")
    try await readers.shutdownGracefully()
  }

  @Test func `a follower that leaves is let go`() async throws {
    try await TestServer.run { server in
      server.host.append("T")
      for _ in 0..<5 {
        let client = try await open(server, "/events")
        _ = try await next(client)
      }
      // Their connections are closed now; the host has nobody left who waits for it.
      try await eventually("\(server.host.waiters) still wait") { server.host.waiters == 0 }
    }
  }
}

/// A writer that takes its time for every portion of events.
private final class SlowWriter: ResponseBodyWriter, Sendable {
  private let delay: Duration
  private let written = Mutex("")

  init(delay: Duration) { self.delay = delay }

  var text: String { written.withLock { $0 } }

  func write(_ buffer: ByteBuffer) async throws {
    let text = String(buffer: buffer)
    if text.hasPrefix("id: ") { try await Task.sleep(for: delay) }
    written.withLock { $0 += text }
  }

  func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
