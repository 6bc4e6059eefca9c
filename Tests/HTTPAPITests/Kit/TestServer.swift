import Engine
import Foundation
import Logging
import ServiceLifecycle
import Testing
import Wire

@testable import HTTPAPI

/// The door on a free port of 127.0.0.1, in front of a host in memory.
struct TestServer: Sendable {
  let port: Int
  let host: MemoryHost

  /// Sends a request on a connection of its own and takes the answer.
  func request(
    _ method: String, _ path: String, _ headers: [(String, String)] = [], body: [UInt8]? = nil
  ) async throws -> RawClient.Response {
    let port = port
    return try await offPool {
      let client = try RawClient(port: port)
      try client.send(Self.head(method, path, headers, length: body?.count, port: port))
      try? client.send(body ?? [])
      guard let response = try client.response() else {
        throw RawClient.Failure(description: "closed without an answer")
      }
      return response
    }
  }

  func get(_ path: String, _ headers: [(String, String)] = []) async throws -> RawClient.Response {
    try await request("GET", path, headers)
  }

  func post(_ type: String, _ body: String, _ headers: [(String, String)] = []) async throws -> RawClient.Response {
    try await request("POST", "/events", [("Content-Type", type)] + headers, body: Array(body.utf8))
  }

  func post(event: String, _ headers: [(String, String)] = []) async throws -> RawClient.Response {
    try await post("application/cloudevents+json", event, headers)
  }

  func post(lines: String, _ headers: [(String, String)] = []) async throws -> RawClient.Response {
    try await post("application/x-ndjson", lines, headers)
  }

  /// An operator's request, with a body of JSON or none.
  func act(_ path: String, _ json: String? = nil, _ headers: [(String, String)] = []) async throws -> RawClient.Response
  {
    let type = json == nil ? [] : [("Content-Type", "application/json")]
    return try await request("POST", path, type + headers, body: json.map { Array($0.utf8) })
  }

  static func head(
    _ method: String, _ path: String, _ headers: [(String, String)] = [], length: Int? = nil, port: Int
  ) -> String {
    var head = "\(method) \(path) HTTP/1.1\r\n"
    if !headers.contains(where: { $0.0.lowercased() == "host" }) { head += "Host: 127.0.0.1:\(port)\r\n" }
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    if let length { head += "Content-Length: \(length)\r\n" }
    return head + "\r\n"
  }

  /// Opens the door, runs `body`, and shuts the door gracefully.
  static func run(
    _ limits: DoorLimits = DoorLimits(), tokens: TokenList? = nil, host: MemoryHost = MemoryHost(),
    views: (any ViewReading)? = nil, sources: (any RequestIntake)? = nil,
    _ body: (TestServer) async throws -> Void
  ) async throws {
    let (opened, opening) = AsyncStream<ListenAddress>.makeStream()
    let configuration = try DoorConfiguration(
      address: ListenAddress(host: "127.0.0.1", port: 0), hosts: ["moon.example"], tokens: tokens, limits: limits)
    var logger = Logger(label: "test")
    logger.logLevel = .error
    let door = HTTPDoor(
      configuration, host: host, reading: host, views: views, sources: sources, version: "9.9", logger: logger
    ) {
      address in
      opening.yield(address)
    }
    let group = ServiceGroup(services: [door], logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      var iterator = opened.makeAsyncIterator()
      guard let address = await iterator.next() else { return }
      do {
        try await body(TestServer(port: address.port, host: host))
      } catch {
        await group.triggerGracefulShutdown()
        throw error
      }
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
  }
}

/// Waits until `condition` holds, and says what it last saw when it does not.
func eventually(
  within seconds: Double = 20, _ saying: @autoclosure () -> String = "the condition never held",
  _ condition: () async throws -> Bool
) async throws {
  let deadline = Date(timeIntervalSinceNow: seconds)
  while try await !condition() {
    if Date() > deadline {
      Issue.record("\(saying())")
      return
    }
    try await Task.sleep(for: .milliseconds(2))
  }
}

extension RawClient.Response {
  /// The kind of problem that this is, if it is one.
  var problem: ProblemKind? { (try? decoded(Problem.self))?.kind }
}

/// An event of structured mode.
func event(_ type: String = "T", _ more: String = "") -> String {
  #"{"specversion":"1.0","type":"\#(type)"\#(more.isEmpty ? "" : ",")\#(more)}"#
}

extension Collection where Element == UInt8 {
  var text: String { String(decoding: self, as: UTF8.self) }
}
