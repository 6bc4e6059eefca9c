import Delivery
import Engine
import Scripts
import ServerKit
import TestKit
import Testing

@Suite(.enabled(if: NATSServer.isInstalled, Comment(rawValue: NATSServer.missing)), .serialized)
struct NATSTests {
  private static func bus(
    _ subject: String, isStream: Bool = false, body: DestinationDeclaration.Body = .own, timeout: Int64 = 5_000_000,
    url: String = "{env:BUS}"
  ) throws -> DestinationDeclaration {
    let place = DestinationDeclaration.NATSPlace(
      url: try Template(parsing: url), subject: try Template(parsing: subject), isStream: isStream)
    return DestinationDeclaration(place: .nats(place), body: body, timeout: timeout)
  }

  private func started(_ configuration: String = "") throws -> (server: NATSServer, dispatch: Dispatch) {
    let server = try NATSServer(configuration: configuration)
    let dispatch = Dispatch()
    dispatch.set("BUS", server.url)
    return (server, dispatch)
  }

  @Test func `a message is with the server when it counts as delivered`() async throws {
    let (server, dispatch) = try started()
    defer {
      dispatch.stop()
      server.stop()
    }
    let client = try server.client()
    try client.subscribe("orders.>")
    let outcome = await dispatch.deliver(try Self.bus("orders.{type}.{key}"), key: "k1", body: #"{"n":1}"#)
    #expect(outcome.isDelivered, "\(outcome.text)")
    #expect(
      client.next()
        == NATSClient.Message(
          subject: "orders.OrderPlaced.k1", body: #"{"n":1}"#, id: "\(Dispatch.idPrefix)1",
          contentType: "application/json"))
    #expect(await dispatch.deliver(try Self.bus("orders.x", body: .cloudEvent)).isDelivered)
    let event = try #require(client.next())
    #expect(event.contentType == "application/cloudevents+json" && event.body.hasPrefix(#"{"specversion":"1.0""#))
  }

  @Test func `a stream stores each message once, however often it comes`() async throws {
    let (server, dispatch) = try started()
    defer {
      dispatch.stop()
      server.stop()
    }
    let client = try server.client()
    try client.makeStream("ORDERS", subject: "orders.>")
    let destination = try Self.bus("orders.{key}", isStream: true)
    await withTaskGroup(of: Void.self) { group in
      for key in 0..<10 {
        group.addTask {
          for number in 0..<20 {
            let attempt = dispatch.attempt(destination, key: "k\(key)", body: "\(number)")
            for _ in 0..<2 {
              let outcome = await dispatch.deliver(attempt)
              #expect(outcome.isDelivered, "\(outcome.text)")
            }
          }
        }
      }
    }
    let messages = try client.messages(of: "ORDERS")
    #expect(messages.count == 200 && Set(messages.map(\.id)).count == 200)
    for key in 0..<10 {
      #expect(messages.filter { $0.subject == "orders.k\(key)" }.map(\.body) == (0..<20).map { "\($0)" })
    }
  }

  @Test func `a subject without a stream, a full stream and a large message are refused`() async throws {
    let (server, dispatch) = try started("max_payload: 1000")
    defer {
      dispatch.stop()
      server.stop()
    }
    let client = try server.client()
    try client.makeStream("SMALL", subject: "small", mostMessages: 1)
    let none = await dispatch.deliver(try Self.bus("none.{key}", isStream: true))
    #expect(none.text == "refused: no stream takes the subject \"none.k\"")
    let small = try Self.bus("small", isStream: true)
    #expect(await dispatch.deliver(small).isDelivered)
    #expect(await dispatch.deliver(small).text == "refused: JetStream says: maximum messages exceeded")
    for isStream in [true, false] {
      let large = await dispatch.deliver(
        try Self.bus("small", isStream: isStream), body: "\"\(String(repeating: "x", count: 2000))\"")
      #expect(large.text == "refused: the message is larger than the NATS server takes")
    }
    #expect(await dispatch.deliver(try Self.bus("core")).isDelivered)
  }

  @Test(arguments: [false, true])
  func `a server that is down is unavailable, nothing is sent behind our back, and it is found back`(
    isStream: Bool
  ) async throws {
    let (server, dispatch) = try started()
    defer {
      dispatch.stop()
      server.stop()
    }
    try server.client().makeStream("S", subject: "s")
    let destination = try Self.bus("s", isStream: isStream)
    #expect(await dispatch.deliver(destination, body: "1").isDelivered)
    for end in [server.stop, server.kill] {
      end()
      for _ in 0..<3 { #expect(await dispatch.deliver(destination, body: "2").failure?.kind == .unavailable) }
      try server.start()
      let client = try server.client()
      try client.subscribe("s")
      let outcome = await dispatch.deliver(destination, body: "3")
      #expect(outcome.isDelivered, "\(outcome.text)")
      #expect(client.next()?.body == "3" && client.next(milliseconds: 200) == nil)
    }
    #expect(try server.client().messages(of: "S").map(\.body) == ["1", "3", "3"])
  }

  @Test(arguments: [false, true])
  func `a server that does nothing is noticed in time, and so is its death`(isStream: Bool) async throws {
    let (server, dispatch) = try started()
    defer {
      dispatch.stop()
      server.stop()
    }
    try server.client().makeStream("S", subject: "s")
    let destination = try Self.bus("s", isStream: isStream, timeout: 500_000)
    #expect(await dispatch.deliver(destination).isDelivered)
    server.pause()
    let clock = ContinuousClock()
    let start = clock.now
    let outcome = await dispatch.deliver(destination)
    #expect(outcome.failure?.kind == .unavailable, "\(outcome.text)")
    #expect(clock.now - start < Slowness.stretch(.seconds(2)))
    server.resume()
    #expect(await dispatch.deliver(destination).isDelivered)
    server.pause()
    let patient = try Self.bus("s", isStream: isStream, timeout: 60_000_000)
    async let waiting = dispatch.deliver(patient)
    server.kill()
    #expect(await waiting.failure?.kind == .unavailable)
  }

  @Test func `what the server does not permit is refused, and only that`() async throws {
    let (server, dispatch) = try started(
      """
      authorization { users: [
        { user: "app", password: "passw0rd", permissions: { publish: { deny: ["secret.>"] } } }
      ] }
      """)
    defer {
      dispatch.stop()
      server.stop()
    }
    let plain = try #require(dispatch.get("BUS"))
    let denied = await dispatch.deliver(try Self.bus("open"))
    #expect(denied.failure?.kind == .unavailable && !denied.text.contains("127.0.0.1"), "\(denied.text)")
    dispatch.set("BUS", plain.replacing("nats://", with: "nats://app:passw0rd@"))
    let (open, secret) = (try Self.bus("open"), try Self.bus("secret.x"))
    for _ in 0..<2 {
      async let first = dispatch.deliver(open)
      async let second = dispatch.deliver(secret)
      async let third = dispatch.deliver(open)
      #expect(await first.isDelivered)
      #expect(
        await second.text == "refused: the NATS server permits nobody like us to publish on \"secret.x\"")
      #expect(await third.isDelivered)
    }
  }

  @Test func `what is no subject or no address is impossible`() async throws {
    let (server, dispatch) = try started()
    defer {
      dispatch.stop()
      server.stop()
    }
    for key in ["a b", "*", "a.>", "", "a..b", "a\tb"] {
      #expect(await dispatch.deliver(try Self.bus("orders.{key}"), key: key).failure?.kind == .impossible, "\(key)")
    }
    #expect(await dispatch.deliver(try Self.bus("orders", url: "nats://{key}")).failure?.kind == .impossible)
    var attributes = Dispatch.Attributes()
    attributes.request = "{}"
    #expect(await dispatch.deliver(try Self.bus("orders"), attributes).failure?.kind == .impossible)
  }
}
