import Engine
import Scripts
import ServerKit
import TestKit
import Testing

@testable import Delivery

@Suite struct TargetTests {
  @Test func `each target gets what its newest document says`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch { $0.allowsPrivateTargets = true }
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let hooks = try DestinationDeclaration.http(
      "{url}/{kind}", headers: ["x-plan": "{plan.name}"], each: "hooks")
    #expect(
      await dispatch.deliver(hooks, key: "shop", name: "customer hooks").text
        == "unavailable: customer hooks has no document \"shop\" now")
    dispatch.documents.set("shop", #"{"url":"\#(receiver.url)/a"}"#)
    #expect(await dispatch.deliver(hooks, key: "shop").text == "impossible: its document has no {kind}")
    dispatch.documents.set("shop", #"{"url":"\#(receiver.url)/b","kind":"x/y","plan":{"name":"gold"}}"#)
    #expect(await dispatch.deliver(hooks, key: "shop").isDelivered)
    #expect(receiver.requests.map(\.path) == ["/b/x%2Fy"] && receiver.requests[0].headers["x-plan"] == "gold")
    let broken = try DestinationDeclaration.http("{url}", each: "others")
    #expect(await dispatch.deliver(broken, key: "shop").failure?.kind == .unavailable)
    let single = try DestinationDeclaration.http("{url}")
    #expect(await dispatch.deliver(single, key: "shop").failure?.kind == .impossible)
  }

  @Test func `a document's address must be public and secure`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    let hooks = try DestinationDeclaration.http("{url}", each: "hooks")
    for host in [
      "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0", "[::1]", "[::ffff:127.0.0.1]",
      "[64:ff9b::7f00:1]",
      "10.0.0.1", "169.254.169.254", "[fe80::1]", "[fd00::1]",
    ] {
      dispatch.documents.set("shop", #"{"url":"https://\#(host):\#(receiver.port)/"}"#)
      let text = await dispatch.deliver(hooks, key: "shop").text
      #expect(
        text == "unavailable: POST {url}: its address is not a public one, and an address from a document must be",
        "\(host)")
    }
    dispatch.documents.set("shop", #"{"url":"\#(receiver.url)"}"#)
    #expect(
      await dispatch.deliver(hooks, key: "shop").text == "unavailable: POST {url}: an address begins with https://")
    dispatch.documents.set("shop", #"{"url":"file:///etc/passwd"}"#)
    #expect(await dispatch.deliver(hooks, key: "shop").failure?.kind == .unavailable)
    // A destination of the operator's own goes there, and its connections are not lent to documents.
    #expect(await dispatch.deliver(try .http("http://localhost:\(receiver.port)/")).isDelivered)
    dispatch.documents.set("shop", #"{"url":"https://localhost:\#(receiver.port)/"}"#)
    #expect(await dispatch.deliver(hooks, key: "shop").text.contains("not a public one"))
    #expect(receiver.requests.count == 1)
  }

  @Test func `a redirect of a target is not followed`() async throws {
    let inside = try WebhookReceiver()
    let receiver = try WebhookReceiver { _ in .answer(307, headers: ["Location": inside.url]) }
    let dispatch = Dispatch { $0.allowsPrivateTargets = true }
    defer {
      inside.stop()
      receiver.stop()
      dispatch.stop()
    }
    dispatch.documents.set("shop", #"{"url":"\#(receiver.url)"}"#)
    let outcome = await dispatch.deliver(try .http("{url}", each: "hooks"), key: "shop")
    #expect(
      outcome.text.hasPrefix("refused: POST {url} is answered with 307, which points to 127.0.0.1:\(inside.port)"))
    #expect(inside.requests.isEmpty)
  }

  @Test func `public addresses are those that no registry sets aside`() {
    let special: [[UInt8]] = [
      [0, 0, 0, 0], [0, 255, 255, 255], [10, 0, 0, 0], [10, 255, 255, 255], [100, 64, 0, 0], [100, 127, 255, 255],
      [127, 0, 0, 1], [127, 255, 255, 255], [169, 254, 169, 254], [172, 16, 0, 0], [172, 31, 255, 255], [192, 0, 0, 8],
      [192, 0, 2, 1], [192, 88, 99, 1], [192, 168, 0, 0], [192, 168, 255, 255], [198, 18, 0, 0], [198, 19, 255, 255],
      [198, 51, 100, 1], [203, 0, 113, 255], [224, 0, 0, 1], [239, 255, 255, 255], [240, 0, 0, 0],
      [255, 255, 255, 255],
    ]
    for address in special { #expect(!PublicAddress.isPublic(v4: address), "\(address)") }
    let open: [[UInt8]] = [
      [1, 0, 0, 0], [9, 255, 255, 255], [11, 0, 0, 0], [100, 63, 255, 255], [100, 128, 0, 0], [126, 255, 255, 255],
      [128, 0, 0, 0], [169, 253, 255, 255], [169, 255, 0, 0], [172, 15, 255, 255], [172, 32, 0, 0], [192, 0, 1, 0],
      [192, 167, 255, 255], [192, 169, 0, 0], [198, 17, 255, 255], [198, 20, 0, 0], [223, 255, 255, 255],
    ]
    for address in open { #expect(PublicAddress.isPublic(v4: address), "\(address)") }
    func six(_ head: [UInt8], _ last: [UInt8] = [1]) -> [UInt8] {
      head + [UInt8](repeating: 0, count: 16 - head.count - last.count) + last
    }
    for head in [
      [], [0, 0x64, 0xff, 0x9b], [0xfc], [0xfd], [0xfe, 0x80], [0xfe, 0xc0], [0xff, 2], [0x20, 1, 0x0d, 0xb8],
      [0x20, 1, 0, 0], [0x20, 1, 1, 0xff], [0x20, 2, 127, 0, 0, 1], [0x3f, 0xff, 0x0f], [0x5f], [0x40], [1, 0],
    ] as [[UInt8]] { #expect(!PublicAddress.isPublic(v6: six(head)), "\(head)") }
    #expect(!PublicAddress.isPublic(v6: six([], [0xff, 0xff, 8, 8, 8, 8])))
    #expect(!PublicAddress.isPublic(v6: [UInt8](repeating: 0, count: 16)))
    for head in [[0x20, 1, 2, 0], [0x20, 1, 0x48, 0x60], [0x26, 0x06], [0x2a], [0x3f, 0xfe], [0x3f, 0xff, 0x10]]
      as [[UInt8]]
    {
      #expect(PublicAddress.isPublic(v6: six(head)), "\(head)")
    }
  }
}
