import Delivery
import Engine
import Scripts
import ServerKit
import Synchronization
import TestKit
import Testing

@Suite struct WebhookTests {
  @Test func `a message goes out as JSON with its id as the idempotency key`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    dispatch.set("WAREHOUSE_URL", "\(receiver.url)/in?x=1")
    dispatch.set("KEY", "s3cret-token")
    let destination = try DestinationDeclaration.http(
      "{env:WAREHOUSE_URL}&key={key}&n={body.n}", headers: ["authorization": "Bearer {env:KEY}", "X-Type": "{type}"])
    var attributes = Dispatch.Attributes()
    attributes.headers = #"{"x-more":"a","X-Type":"mine"}"#
    attributes.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    let outcome = await dispatch.deliver(destination, key: "k/1 ?", body: #"{"n":17}"#, attributes)
    #expect(outcome.isDelivered, "\(outcome.text)")
    let request = try #require(receiver.requests.first)
    #expect(request.method == "POST")
    #expect(request.path == "/in?x=1&key=k%2F1%20%3F&n=17")
    #expect(request.text == #"{"n":17}"#)
    #expect(request.headers["content-type"] == "application/json")
    #expect(request.headers["user-agent"] == "moondance/9.8.7")
    #expect(request.headers["idempotency-key"] == Dispatch.idPrefix + "1")
    #expect(request.headers["authorization"] == "Bearer s3cret-token")
    #expect(request.headers["x-more"] == "a")
    #expect(request.headers["x-type"] == "mine")
    #expect(request.headers["traceparent"] == attributes.traceparent)
    #expect(request.headers["webhook-id"] == nil && request.headers["expect"] == nil)
  }

  @Test func `a cloud event has the message's id, what caused it, and its key`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let destination = try DestinationDeclaration.http(receiver.url, body: .cloudEvent)
    #expect(await dispatch.deliver(destination, key: "k-1", body: #"{"n":1}"#).isDelivered)
    let request = try #require(receiver.requests.first)
    #expect(request.headers["content-type"] == "application/cloudevents+json")
    #expect(
      request.text
        == #"{"specversion":"1.0","id":"\#(Dispatch.idPrefix)1","source":"moondance:test","type":"OrderPlaced","#
        + #""subject":"order-1","time":"2026-07-01T09:30:00.000000Z","datacontenttype":"application/json","#
        + #""position":1,"partitionkey":"k-1","data":{"n":1}}"#)
  }

  @Test func `every attempt of a message carries the same id, and connections are kept`() async throws {
    let receiver = try WebhookReceiver { request in request.connection == 1 ? .answer(500) : .answer(204) }
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let attempt = dispatch.attempt(try .http(receiver.url))
    for _ in 0..<3 { _ = await dispatch.deliver(attempt) }
    let requests = receiver.requests
    #expect(requests.count == 3)
    #expect(Set(requests.map { $0.headers["idempotency-key"] }).count == 1)
    #expect(Set(requests.map(\.connection)).count == 1)
  }

  @Test func `an answer that is no success refuses, and says what the far side said`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    dispatch.set("URL", receiver.url)
    let destination = try DestinationDeclaration.http("{env:URL}/in")
    receiver.behave { _ in .answer(500, body: Array("out of order".utf8)) }
    #expect(await dispatch.deliver(destination).text == "refused: POST {env:URL}/in is answered with 500: out of order")
    receiver.behave { _ in .answer(404) }
    #expect(await dispatch.deliver(destination).text == "refused: POST {env:URL}/in is answered with 404")
    receiver.behave { _ in .answer(302, headers: ["Location": "https://user@other.example:8443/path"]) }
    #expect(
      await dispatch.deliver(destination).text
        == "refused: POST {env:URL}/in is answered with 302, which points to other.example:8443: "
        + "redirects are not followed"
    )
    receiver.behave { _ in .answer(500, body: Array(repeating: 0x61, count: 1 << 20)) }
    let long = try #require(await dispatch.deliver(destination).failure)
    #expect(
      long.kind == .refused && long.message.hasSuffix(String(repeating: "a", count: 300)) && long.message.count < 400)
    receiver.behave { _ in .answer(200, body: Array(repeating: 0x61, count: 1 << 20)) }
    #expect(await dispatch.deliver(destination).isDelivered)
  }

  @Test func `a far side that asks for time gets it, a day at most`() async throws {
    let dates: [(String, ClosedRange<Int64>?)] = [
      ("7", 7_000_000...7_000_000), ("0", 0...0), ("100000", 86_400_000_000...86_400_000_000),
      ("Fri, 31 Dec 1999 23:59:59 GMT", 0...0), ("Fri, 31 Dec 2100 23:59:59 GMT", 86_400_000_000...86_400_000_000),
      ("soon", nil),
    ]
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let destination = try DestinationDeclaration.http(receiver.url)
    for (text, expected) in dates {
      receiver.behave { _ in .answer(429, headers: ["Retry-After": text]) }
      let failure = try #require(await dispatch.deliver(destination).failure)
      #expect(failure.kind == .refused)
      if let expected {
        #expect(failure.retryAfter.map(expected.contains) == true, "\(text): \(failure)")
      } else {
        #expect(failure.retryAfter == nil)
      }
    }
  }

  /// What a far side does, and how the sentence about it ends.
  static let misdeeds: [(WebhookReceiver.Reply, String)] = [
    (.hang, "no answer within 500 ms"),
    (.slow(200, body: [0x61], pause: 20_000), "no answer within 500 ms"),
    (.close, "the connection is closed without an answer"),
    (.reset, "the connection breaks"),
    (.cutOff(200, promised: 100, body: [0x61]), "the answer is cut off"),
    (.raw(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8)), "what answers there does not speak HTTP"),
  ]

  @Test(arguments: 0..<misdeeds.count)
  func `no answer, or half a one, is no delivery, and is noticed in time`(index: Int) async throws {
    let (reply, sentence) = Self.misdeeds[index]
    let receiver = try WebhookReceiver { _ in reply }
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let clock = ContinuousClock()
    let start = clock.now
    let outcome = await dispatch.deliver(try .http(receiver.url, timeout: 500_000))
    #expect(outcome.text == "unavailable: POST \(receiver.url): \(sentence)")
    #expect(clock.now - start < Slowness.stretch(.seconds(2)))
  }

  @Test func `a far side that is down is unavailable, and the next attempt finds it back`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let destination = try DestinationDeclaration.http(receiver.url)
    #expect(await dispatch.deliver(destination).isDelivered)
    receiver.stop()
    #expect(
      await dispatch.deliver(destination).text
        == "unavailable: POST \(receiver.url): no connection: Connection refused")
    try receiver.start()
    #expect(await dispatch.deliver(destination).isDelivered)
  }

  @Test func `a certificate counts only when an authority vouches for it, and for this name`() async throws {
    let folder = TemporaryFolder()
    let good = try TestCertificate(for: "IP:127.0.0.1", in: folder)
    let other = try TestCertificate(for: "DNS:shop.example", in: folder)
    let receiver = try WebhookReceiver(certificate: good)
    let misnamed = try WebhookReceiver(certificate: other)
    let (strict, trusting, mistaken) = (
      Dispatch(), Dispatch { $0.certificates = good.path }, Dispatch { $0.certificates = other.path }
    )
    defer {
      receiver.stop()
      misnamed.stop()
      strict.stop()
      trusting.stop()
      mistaken.stop()
    }
    #expect(await trusting.deliver(try .http(receiver.url)).isDelivered)
    let stranger = await strict.deliver(try .http(receiver.url))
    #expect(
      stranger.text == "unavailable: POST \(receiver.url): its certificate is not accepted: self-signed certificate")
    let misnamedText = await mistaken.deliver(try .http(misnamed.url)).text
    #expect(misnamedText.hasPrefix("unavailable: POST \(misnamed.url): its certificate is not accepted: "))
    #expect(receiver.requests.count == 1 && misnamed.requests.isEmpty)
  }

  @Test func `a secret of the environment is in no sentence`() async throws {
    let receiver = try WebhookReceiver { request in
      .answer(400, body: Array("you sent \(request.headers["authorization"] ?? "") to \(request.path)".utf8))
    }
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    dispatch.set("KEY", "sk_live_abcdef")
    dispatch.set("TOKEN", "tok%20en-1234")
    let destination = try DestinationDeclaration.http(
      receiver.url + "/{env:TOKEN}", headers: ["authorization": "Bearer {env:KEY}"])
    #expect(
      await dispatch.deliver(destination).text
        == "refused: POST \(receiver.url)/{env:TOKEN} is answered with 400: you sent Bearer {env:KEY} to /{env:TOKEN}")
    dispatch.set("URL", "https://user:passw0rd@no-such-host.invalid/path")
    let nowhere = await dispatch.deliver(try .http("{env:URL}")).text
    #expect(nowhere == "unavailable: POST {env:URL}: the name of its host is not found")
    dispatch.set("URL", "ftp://user:passw0rd@127.0.0.1/")
    #expect(
      await dispatch.deliver(try .http("{env:URL}")).text.hasPrefix("unavailable: POST {env:URL}: an address begins"))
    dispatch.set("URL", "https://pass word@:99999999")
    #expect(await dispatch.deliver(try .http("{env:URL}")).text.hasPrefix("unavailable: POST {env:URL}: this gives no"))
  }

  @Test func `what the environment lacks waits, what the message lacks never comes`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    func text(
      _ url: String, headers: [String: String] = [:], body: String = "{}", own: String? = nil, key: String = "k"
    ) async throws -> String {
      var attributes = Dispatch.Attributes()
      attributes.headers = own
      return await dispatch.deliver(
        try .http(url.replacing("BASE", with: receiver.url), headers: headers), key: key, body: body, attributes
      ).text
    }
    #expect(try await text("{env:NOWHERE}") == "unavailable: NOWHERE is not set in the daemon's environment")
    dispatch.set("BROKEN", "a\nb")
    #expect(
      try await text("BASE", headers: ["x": "{env:BROKEN}"])
        == "unavailable: BROKEN has a line break or another control character in it")
    #expect(try await text("BASE/{body.order.id}") == "impossible: the message has no {body.order.id}")
    #expect(
      try await text("BASE/{body.order}", body: #"{"order":{"id":1}}"#)
        == "impossible: {body.order} of the message is no text, number or boolean")
    #expect(
      try await text("BASE", headers: ["x": "{body.x}"], body: #"{"x":"a\r\nhost: b"}"#)
        == "impossible: {body.x} has a control character in it")
    #expect(
      try await text("BASE/{key}/x", key: "..") == "impossible: {key} is \"..\", which cannot be a part of an address")
    #expect(try await text("BASE", own: #"{"Host":"x"}"#) == "impossible: a message cannot set the header \"Host\"")
    #expect(
      try await text("BASE", own: #"{"webhook-id":"x"}"#)
        == "impossible: a message cannot set the header \"webhook-id\"")
    #expect(try await text("BASE", own: #"{"a b":"x"}"#) == "impossible: \"a b\" cannot be a header's name")
    #expect(
      try await text("BASE", own: #"{"x":"a\nb"}"#)
        == "impossible: the header \"x\" has a line break or another control character in it")
    #expect(receiver.requests.isEmpty)
    #expect(
      try await text(
        "BASE/{body.a.b}/{body.t}/{body.f}", body: #"{"t":true,"a":{"x":[1,{"b":2}],"b":-1.5e3},"f":"ä/"}"#)
        == "delivered")
    #expect(receiver.requests.map(\.path) == ["/-1.5e3/true/%C3%A4%2F"])
  }

  @Test func `a stop answers what is under way after its grace, and everything that comes later`() async throws {
    let receiver = try WebhookReceiver { _ in .hang }
    let dispatch = Dispatch()
    defer { receiver.stop() }
    let attempt = dispatch.attempt(try .http(receiver.url))
    async let first = dispatch.deliver(attempt)
    try Program.wait(for: "the request") { !receiver.requests.isEmpty }
    dispatch.courier.stop(grace: .milliseconds(100))
    #expect(await first.text == "unavailable: the daemon is stopping")
    #expect(await dispatch.deliver(attempt).text == "unavailable: the daemon is stopping")
  }

  @Test func `many messages of many keys are under way at once on kept connections`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let destination = try DestinationDeclaration.http(receiver.url)
    await withTaskGroup(of: Void.self) { group in
      for key in 0..<16 {
        group.addTask {
          for number in 0..<50 {
            let outcome = await dispatch.deliver(destination, key: "k\(key)", body: "\(number)")
            #expect(outcome.isDelivered, "\(outcome.text)")
          }
        }
      }
    }
    #expect(receiver.requests.count == 800)
    #expect((receiver.requests.map(\.connection).max() ?? 0) <= 17)
  }
}
