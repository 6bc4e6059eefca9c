internal import Foundation

/// An event as the daemon gives it.
package struct Event {
  package let position: UInt64
  package let type: String
  package let subject: String
  package let time: String
  /// The data as JSON text; empty when there is none.
  package let data: String
  /// The whole CloudEvent as JSON text on one line.
  package let json: String

  init(_ object: [String: Any]) {
    position = (object["position"] as? NSNumber)?.uint64Value ?? 0
    type = object["type"] as? String ?? ""
    subject = object["subject"] as? String ?? ""
    time = object["time"] as? String ?? ""
    data = object["data"].map(Self.text) ?? (object["data_base64"] as? String ?? "")
    json = Self.text(object)
  }

  /// From the bytes of one CloudEvent, which `json` keeps as they are.
  init?(_ bytes: [UInt8]) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else { return nil }
    position = (object["position"] as? NSNumber)?.uint64Value ?? 0
    type = object["type"] as? String ?? ""
    subject = object["subject"] as? String ?? ""
    time = object["time"] as? String ?? ""
    data = object["data"].map(Self.text) ?? (object["data_base64"] as? String ?? "")
    json = String(decoding: bytes, as: UTF8.self)
  }

  private static func text(_ value: Any) -> String {
    let options: JSONSerialization.WritingOptions = [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes]
    return (try? JSONSerialization.data(withJSONObject: value, options: options)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}
