import Delivery
import Engine
import Foundation
import Scripts
import ServerKit
import TestKit
import Testing

@Suite struct SignatureTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  private static let packages = root.appending(path: ".build/python").path
  private static let python = Program.find(["/usr/bin/python3", "/usr/local/bin/python3"])
  static let hasPackage = python != nil && FileManager.default.fileExists(atPath: packages + "/standardwebhooks")

  private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

  /// As the package that receivers use sees it: prints the payload, or fails.
  private func verify(_ request: WebhookReceiver.Request, secret: String) throws -> String {
    let script = """
      import json, os, sys
      from standardwebhooks import Webhook
      headers = json.loads(os.environ["HEADERS"])
      print(json.dumps(Webhook(os.environ["SECRET"]).verify(os.environ["BODY"].encode(), headers)))
      """
    let headers = String(decoding: try JSONEncoder().encode(request.headers), as: UTF8.self)
    return try Program.run(
      try #require(Self.python), ["-c", script],
      environment: [
        "PYTHONPATH": Self.packages, "HEADERS": headers, "BODY": request.text, "SECRET": secret,
      ])
  }

  @Test(
    .enabled(
      if: hasPackage, "standardwebhooks is not there: scripts/install-dependencies tests puts it into .build/python"))
  func `the signature verifies with the package that receivers use, and nothing else does`() async throws {
    let receiver = try WebhookReceiver()
    let dispatch = Dispatch()
    defer {
      receiver.stop()
      dispatch.stop()
    }
    dispatch.set("SECRET", Self.secret)
    let destination = try DestinationDeclaration.http(receiver.url, sign: "{env:SECRET}")
    let outcome = await dispatch.deliver(destination, body: #"{"name":"kö","n":1.5}"#)
    #expect(outcome.isDelivered, "\(outcome.text)")
    var request = try #require(receiver.requests.first)
    #expect(request.headers["webhook-id"] == request.headers["idempotency-key"])
    #expect(try verify(request, secret: Self.secret) == #"{"name": "k\u00f6", "n": 1.5}"# + "\n")
    #expect(throws: Program.Failed.self) { try verify(request, secret: "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw") }
    request.body[9] ^= 1
    #expect(throws: Program.Failed.self) { try verify(request, secret: Self.secret) }

    // Two secrets while the far side changes from one to the other; each of them verifies.
    let other = "whsec_" + Data("another key of the receiver".utf8).base64EncodedString()
    dispatch.set("SECRET", "\(Self.secret) \(other)")
    #expect(await dispatch.deliver(destination, body: "{}").isDelivered)
    let both = try #require(receiver.requests.last)
    #expect(both.headers["webhook-signature"]?.split(separator: " ").count == 2)
    for secret in [Self.secret, other] { #expect(try verify(both, secret: secret) == "{}\n") }

    // A target's derived key.
    let each = Dispatch { $0.allowsPrivateTargets = true }
    defer { each.stop() }
    each.set("MASTER", "the master secret")
    each.documents.set("shop-1", #"{"url":"\#(receiver.url)/hook"}"#)
    let hooks = try DestinationDeclaration.http("{url}", sign: "{env:MASTER}", each: "hooks")
    #expect(await each.deliver(hooks, key: "shop-1", body: "{}").isDelivered)
    let derived = WebhookSignature.derivedKey(master: "the master secret", target: "shop-1")
    let hook = try #require(receiver.requests.last)
    #expect(hook.path == "/hook")
    #expect(try verify(hook, secret: derived) == "{}\n")
    let stranger = WebhookSignature.derivedKey(master: "the master secret", target: "shop-2")
    #expect(throws: Program.Failed.self) { try verify(hook, secret: stranger) }
  }

  /// HMAC-SHA-256 as RFC 2104 has it, over the SHA-256 of coreutils: nothing of ours, nothing of OpenSSL.
  private func hmac(_ key: [UInt8], _ message: [UInt8]) throws -> [UInt8] {
    let padded = (key.count > 64 ? try sha256(key) : key) + [UInt8](repeating: 0, count: 64)
    let block = Array(padded.prefix(64))
    return try sha256(block.map { $0 ^ 0x5c } + sha256(block.map { $0 ^ 0x36 } + message))
  }

  private func sha256(_ bytes: [UInt8]) throws -> [UInt8] {
    let folder = TemporaryFolder()
    try Data(bytes).write(to: URL(filePath: "\(folder.path)/bytes"))
    let digits = try Program.run("/usr/bin/sha256sum", ["\(folder.path)/bytes"]).prefix(64)
    return stride(from: 0, to: 64, by: 2).map { UInt8(digits.dropFirst($0).prefix(2), radix: 16)! }
  }

  @Test func `signatures and derived keys are what the published algorithm makes of them`() throws {
    // RFC 4231, test case 2, so that the reference itself is right.
    let known = try hmac(Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
    #expect(known.prefix(4) == [0x5b, 0xdc, 0xc1, 0x46])
    let body = Array(#"{"test": 2432232314}"#.utf8)
    let content = Array("msg_1.1614265330.".utf8) + body
    let keys: [(String, [UInt8])] = [
      (Self.secret, Array(Data(base64Encoded: String(Self.secret.dropFirst(6)))!)), ("plain text", Array("plain".utf8)),
      ("whsec_AAAA", [0, 0, 0]), ("whsec_AA", [0]), ("whsec_not base64", Array("whsec_not".utf8)),
      (String(repeating: "k", count: 100), Array(String(repeating: "k", count: 100).utf8)),
    ]
    for (secret, key) in keys {
      let expected = "v1," + Data(try hmac(key, content)).base64EncodedString()
      let made = WebhookSignature.header(secrets: secret, id: "msg_1", timestamp: 1_614_265_330, body: body)
      #expect(made.split(separator: " ").first.map(String.init) == expected, "\(secret)")
      let derived = "whsec_" + Data(try hmac(key, Array("shop/ä".utf8))).base64EncodedString()
      let first = WebhookSignature.derivedKey(master: secret, target: "shop/ä").split(separator: " ").first
      #expect(first.map(String.init) == derived)
    }
  }
}
