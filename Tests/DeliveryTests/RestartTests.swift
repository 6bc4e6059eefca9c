import Engine
import Foundation
import Scripts
import ServerKit
import Synchronization
import TestKit
import Testing

/// What the promises are for: messages of many keys while the far side is killed and started again.
@Suite(.serialized) struct RestartTests {
  private static let keys = 20
  private static let each = 60

  private final class Count: Sendable {
    let value = Atomic(0)
  }

  /// Delivers the messages 0, 1, 2 … of every key, each as often as it takes, while `restart` runs three times.
  private func run(
    _ destination: DestinationDeclaration, _ dispatch: Dispatch, restart: () throws -> Void
  ) async throws {
    let done = Count()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for key in 0..<Self.keys {
        group.addTask {
          for number in 0..<Self.each {
            let attempt = dispatch.attempt(destination, key: "k\(key)", body: "\(number)")
            while true {
              let outcome = await dispatch.deliver(attempt)
              if outcome.isDelivered { break }
              try #require(outcome.failure?.kind != .impossible, "\(outcome.text)")
              // As the engine's backoff, in small.
              try await Task.sleep(for: .milliseconds(5))
            }
            done.value.add(1, ordering: .relaxed)
          }
        }
      }
      let total = Self.keys * Self.each
      for part in 1...3 {
        try Program.wait(for: "\(part) quarters") { done.value.load(ordering: .relaxed) >= total * part / 4 }
        try restart()
      }
      try await group.waitForAll()
    }
  }

  /// - Parameter arrived: the numbers of one key in the order in which they came.
  private func check(key: Int, _ arrived: [Int], mayRepeat: Bool) {
    var first: [Int] = []
    for number in arrived where !first.contains(number) { first.append(number) }
    #expect(first == Array(0..<Self.each), "k\(key)")
    if !mayRepeat { #expect(arrived.count == Self.each, "k\(key)") }
  }

  @Test func `a receiver gets all of it in the order of each key, and repetitions with their id`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    try await run(try .http("\(receiver.url)/{key}"), dispatch) {
      receiver.stop()
      try receiver.start()
    }
    let requests = receiver.requests
    for key in 0..<Self.keys {
      check(key: key, requests.filter { $0.path == "/k\(key)" }.compactMap { Int($0.text) }, mayRepeat: true)
    }
    let ids = Set(requests.map { $0.headers["idempotency-key"] ?? "" })
    #expect(ids.count == Self.keys * Self.each)
  }

  @Test(.enabled(if: PostgresServer.isInstalled, Comment(rawValue: PostgresServer.missing)))
  func `a table holds one row of each message`() async throws {
    let server = try PostgresServer()
    let dispatch = Dispatch()
    defer {
      dispatch.stop()
      server.stop()
    }
    dispatch.set("DB", server.url)
    let place = DestinationDeclaration.PostgresPlace(connection: try Template(parsing: "{env:DB}"), table: "outbox")
    try await run(DestinationDeclaration(place: .postgres(place)), dispatch) {
      server.kill()
      try server.start()
    }
    // Within a key positions grow, and a row that came later has a later transaction.
    let rows = try server.query("select key, body from outbox order by xmin::text::bigint, position").split(
      separator: "\n")
    for key in 0..<Self.keys {
      check(
        key: key, rows.filter { $0.hasPrefix("k\(key)|") }.compactMap { Int($0.split(separator: "|")[1]) },
        mayRepeat: false)
    }
  }

  @Test(.enabled(if: NATSServer.isInstalled, Comment(rawValue: NATSServer.missing)))
  func `a stream holds each message once, in the order of each key`() async throws {
    let server = try NATSServer()
    let dispatch = Dispatch()
    defer {
      dispatch.stop()
      server.stop()
    }
    dispatch.set("BUS", server.url)
    try server.client().makeStream("ALL", subject: "all.>")
    let place = DestinationDeclaration.NATSPlace(
      url: try Template(parsing: "{env:BUS}"), subject: try Template(parsing: "all.{key}"), isStream: true)
    // While the server looks for its streams after a start, nobody takes the subject: that is an answer too.
    try await run(DestinationDeclaration(place: .nats(place)), dispatch) {
      server.stop()
      try server.start()
    }
    let messages = try server.client().messages(of: "ALL")
    for key in 0..<Self.keys {
      check(key: key, messages.filter { $0.subject == "all.k\(key)" }.compactMap { Int($0.body) }, mayRepeat: false)
    }
  }
}
