internal import CBytes
internal import Scripts

/// Decides whether a request comes from who knows a source's secret.
struct RequestProof {
  /// How old a signed request may be, and how far ahead its clock: as Standard Webhooks recommends.
  static let tolerance: Int64 = 300

  let verification: Verification
  /// What the environment gives; one may hold several with spaces between them.
  let secrets: [String]

  /// - now: seconds since 1970.
  func accepts(_ request: IncomingRequest, now: Int64) -> Bool {
    switch verification {
    case .standardWebhooks:
      guard let id = request.header("webhook-id"), let stamp = request.header("webhook-timestamp"),
        let given = request.header("webhook-signature"), let timestamp = Int64(stamp),
        !now.subtractingReportingOverflow(timestamp).overflow, (now - timestamp).magnitude <= Self.tolerance.magnitude
      else { return false }
      let expected = secrets.flatMap { secret in
        WebhookSignature.header(secrets: secret, id: id, timestamp: timestamp, body: request.body).split(separator: " ")
      }
      // A sender that changes its secret signs with both, too.
      return Self.any(of: given.split(separator: " "), isAmong: expected)
    case .mac(let mac, _):
      guard let given = Self.value(request.header(mac.header), behind: mac.prefix) else { return false }
      // Hexadecimal digits of either case are the same MAC.
      let text = mac.encoding == .hex ? given.lowercased()[...] : given
      return Self.any(of: [text], isAmong: keys.map { mac.text(key: $0, of: request.body)[...] })
    case .token(let header, let prefix, _):
      guard let given = Self.value(request.header(header), behind: prefix) else { return false }
      return Self.any(of: [given], isAmong: keys.map { $0[...] })
    }
  }

  private var keys: [String] { secrets.flatMap { $0.split(separator: " ").map(String.init) } }

  private static func value(_ header: String?, behind prefix: String) -> Substring? {
    guard let header, header.hasPrefix(prefix) else { return nil }
    return header.dropFirst(prefix.count)
  }

  /// Compares each with each, whatever has been found: the time it takes tells nothing of how much was right.
  private static func any(of given: [Substring], isAmong expected: [Substring]) -> Bool {
    var isFound = false
    for left in given.prefix(16) {
      for right in expected where isSame(left, right) { isFound = true }
    }
    return isFound
  }

  private static func isSame(_ left: Substring, _ right: Substring) -> Bool {
    let (left, right) = (digest(left), digest(right))
    return md_same_bytes(left, right, left.count) != 0
  }

  /// Of one length, however long the text is.
  private static func digest(_ text: Substring) -> [UInt8] {
    let bytes = Array(text.utf8)
    return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      md_sha256(bytes, bytes.count, buffer.baseAddress!)
      count = 32
    }
  }
}

extension Verification.MAC {
  /// The MAC of a body, as it stands in the header behind the prefix.
  func text(key: String, of body: [UInt8]) -> String {
    let bits: Int32 =
      switch algorithm {
      case .sha1: 160
      case .sha256: 256
      case .sha512: 512
      }
    let key = Array(key.utf8)
    let bytes = [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
      count = md_hmac(bits, key, key.count, body, body.count, buffer.baseAddress!)
    }
    return encoding == .hex ? Self.hexadecimal(bytes) : WebhookSignature.base64(bytes)
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
