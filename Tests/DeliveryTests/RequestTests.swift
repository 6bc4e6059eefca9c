import Delivery
import Engine
import Scripts
import ServerKit
import TestKit
import Testing

@Suite struct RequestTests {
  private func ask(_ request: String) -> Dispatch.Attributes {
    var attributes = Dispatch.Attributes()
    attributes.request = request
    return attributes
  }

  @Test func `a request has its own method, path, query and key, and brings back the answer`() async throws {
    let receiver = try WebhookReceiver { _ in
      .answer(402, headers: ["X-Reason": "poor"], body: Array(#"{"error":"card"}"#.utf8))
    }
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    dispatch.set("PSP", "\(receiver.url)/v1/?token=t")
    let order = #"{"method":"PUT","path":"/charges/ö 1","query":{"n":1,"q":"a&b","gone":null},"key":"call-7"}"#
    let outcome = await dispatch.deliver(try .http("{env:PSP}"), body: #"{"amount":5}"#, ask(order))
    let reply = try #require(outcome.reply, "\(outcome.text)")
    #expect(reply.status == 402 && reply.headers["x-reason"] == "poor")
    #expect(String(decoding: reply.body, as: UTF8.self) == #"{"error":"card"}"#)
    let request = try #require(receiver.requests.first)
    #expect(request.method == "PUT" && request.path == "/v1/charges/%C3%B6%201?token=t&n=1&q=a%26b")
    #expect(request.headers["idempotency-key"] == "call-7" && request.text == #"{"amount":5}"#)
  }

  @Test func `a form goes out as a form, and what has no body asks without one`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let destination = try DestinationDeclaration.http(receiver.url)
    #expect(
      await dispatch.deliver(destination, body: #"{"a":"x y","b":2,"c":true}"#, ask(#"{"form":true}"#)).reply?.status
        == 200)
    #expect(await dispatch.deliver(destination, body: "", ask(#"{"method":"GET"}"#)).reply?.status == 200)
    #expect(await dispatch.deliver(destination, body: "", ask(#"{"method":"HEAD"}"#)).reply?.status == 200)
    #expect(await dispatch.deliver(destination, body: "", ask(#"{"method":"POST"}"#)).reply?.status == 200)
    let requests = receiver.requests
    #expect(requests[0].text == "a=x%20y&b=2&c=true")
    #expect(requests[0].headers["content-type"] == "application/x-www-form-urlencoded")
    #expect(requests.dropFirst().map(\.method) == ["GET", "HEAD", "POST"])
    #expect(requests.dropFirst().allSatisfy { $0.body.isEmpty && $0.headers["content-type"] == nil })
  }

  @Test func `only an answer that says later, or that it is broken, is no answer`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let destination = try DestinationDeclaration.http(receiver.url)
    for status in [200, 204, 301, 400, 404, 409, 422] {
      receiver.behave { _ in .answer(status) }
      #expect(await dispatch.deliver(destination, ask("{}")).reply?.status == status)
    }
    for status in [408, 425, 429, 500, 503] {
      receiver.behave { _ in .answer(status, headers: ["Retry-After": "3"]) }
      let failure = await dispatch.deliver(destination, ask("{}")).failure
      #expect(failure?.kind == .refused && failure?.retryAfter == 3_000_000)
    }
  }

  @Test func `an answer is kept up to 256 KiB`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let destination = try DestinationDeclaration.http(receiver.url)
    receiver.behave { _ in .answer(200, body: Array(repeating: 0x62, count: 256 << 10)) }
    #expect(await dispatch.deliver(destination, ask("{}")).reply?.body.count == 256 << 10)
    receiver.behave { _ in .answer(200, body: Array(repeating: 0x62, count: 256 << 10 + 1)) }
    #expect(await dispatch.deliver(destination, ask("{}")).failure?.kind == .impossible)
    receiver.behave { _ in .answer(200, headers: ["x": String(repeating: "y", count: 70_000)]) }
    #expect(await dispatch.deliver(destination, ask("{}")).failure?.kind == .impossible)
  }

  @Test func `a request ends when nobody waits for it any more`() async throws {
    let receiver = try WebhookReceiver { _ in .hang }
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let destination = try DestinationDeclaration.http(receiver.url)
    let past = await dispatch.deliver(destination, ask(#"{"deadline":1000000}"#))
    #expect(past.text == "impossible: the time that the request was given is over")
    #expect(receiver.requests.isEmpty)
    let soon = dispatch.now + 300_000
    let outcome = await dispatch.deliver(destination, ask(#"{"deadline":\#(soon)}"#))
    #expect(outcome.failure?.kind == .unavailable)
  }

  @Test func `a request that cannot be read is impossible`() async throws {
    let dispatch = Dispatch()
    defer { dispatch.stop() }
    let destination = try DestinationDeclaration.http("http://127.0.0.1:9")
    for order in [
      #"{"path":1}"#, #"{"method":"get it"}"#, #"{"query":{"a":[1]}}"#, #"{"path":"/../x"}"#, "[]", #"{"key":"a\nb"}"#,
    ] {
      #expect(await dispatch.deliver(destination, ask(order)).failure?.kind == .impossible, "\(order)")
    }
    #expect(await dispatch.deliver(destination, body: "[1]", ask(#"{"form":true}"#)).failure?.kind == .impossible)
  }
}
