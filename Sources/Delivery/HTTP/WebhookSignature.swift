internal import CBytes

/// Signatures of Standard Webhooks, version 1 (symmetric): HMAC-SHA-256 over `id.timestamp.body`.
///
/// A secret is `whsec_` and base64, or any other text, whose bytes are the key as they stand. Several secrets with
/// spaces between them make several signatures, so that the far side can change its own from the old one to the new
/// one.
package enum WebhookSignature {
  /// The value of `webhook-signature`: `v1,…`, several with spaces between them. Empty when there is no secret.
  package static func header(secrets: String, id: String, timestamp: Int64, body: [UInt8]) -> String {
    sign(keys(secrets), id, timestamp, body)
  }

  /// The same with the keys of one target, which `derivedKey` gives.
  static func header(master: String, target: String, id: String, timestamp: Int64, body: [UInt8]) -> String {
    sign(keys(master).map { derived($0, target) }, id, timestamp, body)
  }

  /// The secret that one target of a destination with `each` verifies with: HMAC-SHA-256 of the target's key under the
  /// master secret, as `whsec_` and base64. It tells nothing of the master secret or of other targets' secrets. A
  /// master secret of several gives as many, with spaces between them.
  package static func derivedKey(master: String, target: String) -> String {
    keys(master).map { "whsec_" + base64(derived($0, target)) }.joined(separator: " ")
  }

  private static func keys(_ secrets: String) -> [[UInt8]] { secrets.split(separator: " ").map { key($0) } }

  private static func key(_ secret: Substring) -> [UInt8] {
    let prefix = "whsec_"
    guard secret.hasPrefix(prefix) else { return Array(secret.utf8) }
    var text = Array(secret.utf8.dropFirst(prefix.utf8.count))
    while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
    var length = 0
    let decoded = [UInt8](unsafeUninitializedCapacity: text.count) { buffer, count in
      length = md_base64_decode(text, text.count, buffer.baseAddress!)
      count = max(0, length)
    }
    return length >= 0 ? decoded : Array(secret.utf8)
  }

  private static func derived(_ master: [UInt8], _ target: String) -> [UInt8] { hmac(master, Array(target.utf8)) }

  private static func sign(_ keys: [[UInt8]], _ id: String, _ timestamp: Int64, _ body: [UInt8]) -> String {
    let content = Array("\(id).\(timestamp).".utf8) + body
    return keys.map { "v1," + base64(hmac($0, content)) }.joined(separator: " ")
  }

  private static func hmac(_ key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      md_hmac_sha256(key, key.count, bytes, bytes.count, buffer.baseAddress!)
      count = 32
    }
  }

  static func base64(_ bytes: [UInt8]) -> String {
    String(unsafeUninitializedCapacity: md_base64_length(bytes.count)) { buffer in
      md_base64_encode(bytes, bytes.count, buffer.baseAddress!)
      return md_base64_length(bytes.count)
    }
  }
}
