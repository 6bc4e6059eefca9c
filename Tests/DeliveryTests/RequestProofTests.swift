import Scripts
import Testing

@testable import Delivery

struct RequestProofTests {
  private static let body = Array(#"{"test": 2432232314}"#.utf8)

  private func accepts(
    _ verification: Verification, _ secrets: [String], _ headers: [(String, String)], body: [UInt8] = body,
    now: Int64 = 1_614_265_330
  ) -> Bool {
    RequestProof(verification: verification, secrets: secrets).accepts(
      IncomingRequest(path: "/in/p", headers: headers.map { (name: $0.0, value: $0.1) }, body: body), now: now)
  }

  private static let standard = Verification.standardWebhooks(secrets: [])
  /// The example of the Standard Webhooks libraries.
  private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  private static let signed = [
    ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"), ("webhook-timestamp", "1614265330"),
    ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
  ]

  @Test func `a signature of Standard Webhooks holds for its body, id and time`() {
    #expect(accepts(Self.standard, [Self.secret], Self.signed))
    #expect(!accepts(Self.standard, [Self.secret], Self.signed, body: Self.body + [32]))
    #expect(!accepts(Self.standard, ["whsec_AAAA"], Self.signed))
    for index in 0..<3 {
      var other = Self.signed
      other[index].1 = index == 1 ? "1614265331" : other[index].1 + "x"
      #expect(!accepts(Self.standard, [Self.secret], other))
      other.remove(at: index)
      #expect(!accepts(Self.standard, [Self.secret], other))
    }
    #expect(!accepts(Self.standard, [], Self.signed))
  }

  @Test(arguments: [(-301, false), (-300, true), (0, true), (300, true), (301, false), (Int64.min / 2, false)])
  func `a signature is good for five minutes around its time`(offset: Int64, isGood: Bool) {
    #expect(accepts(Self.standard, [Self.secret], Self.signed, now: 1_614_265_330 + offset) == isGood)
  }

  @Test func `any of several secrets and of several signatures is enough`() {
    #expect(accepts(Self.standard, ["whsec_AAAA \(Self.secret)"], Self.signed))
    #expect(accepts(Self.standard, ["whsec_AAAA", Self.secret], Self.signed))
    var several = Self.signed
    several[2].1 = "v1,AAAA v2,x \(several[2].1)"
    #expect(accepts(Self.standard, [Self.secret], several))
  }

  @Test func `a MAC of the body in a header`() {
    let mac = Verification.mac(.init(header: "x-hub-signature-256", prefix: "sha256="), secrets: [])
    let made = Verification.MAC(header: "h").text(
      key: "key", of: Array("The quick brown fox jumps over the lazy dog".utf8))
    #expect(made == "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8")
    let fox = Array("The quick brown fox jumps over the lazy dog".utf8)
    func check(_ header: String) -> Bool { accepts(mac, ["key"], [("x-hub-signature-256", header)], body: fox) }
    #expect(check("sha256=\(made)") && check("sha256=\(made.uppercased())"))
    #expect(!check(made) && !check("sha256=") && !check("sha256=\(made)0") && !check("sha256=\(made.dropLast())"))
  }

  @Test func `the other algorithms and base64`() {
    let fox = Array("The quick brown fox jumps over the lazy dog".utf8)
    #expect(
      Verification.MAC(header: "h", algorithm: .sha1).text(key: "key", of: fox)
        == "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9")
    #expect(
      Verification.MAC(header: "h", algorithm: .sha512).text(key: "key", of: fox).hasPrefix(
        "b42af09057bac1e2d41708e48a902e09b5ff7f12ab428a4fe86653c73dd248fb"))
    #expect(
      Verification.MAC(header: "h", encoding: .base64).text(key: "key", of: fox)
        == "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg=")
  }

  @Test func `a token in a header`() {
    let token = Verification.token(header: "authorization", prefix: "Bearer ", secrets: [])
    #expect(accepts(token, ["abc"], [("authorization", "Bearer abc")]))
    for wrong in ["Bearer abd", "Bearer ab", "Bearer abcd", "abc", "", "bearer abc"] {
      #expect(!accepts(token, ["abc"], [("authorization", wrong)]))
    }
    #expect(!accepts(token, ["abc"], []))
  }
}
