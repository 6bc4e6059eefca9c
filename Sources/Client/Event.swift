internal import Foundation

/// An event as the daemon gives it.
package struct Event: Equatable {
  package let position: UInt64
  package let type: String
  package let subject: String
  package let time: String
  /// The data as JSON text, byte for byte; empty when there is none.
  package let data: String
  /// The whole CloudEvent as JSON text on one line, byte for byte.
  package let json: String

  /// From the bytes of one CloudEvent; nil when they are none.
  package init?(_ bytes: some Collection<UInt8>) {
    let bytes = Array(bytes)
    guard let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else { return nil }
    position = (object["position"] as? NSNumber)?.uint64Value ?? 0
    type = object["type"] as? String ?? ""
    subject = object["subject"] as? String ?? ""
    time = object["time"] as? String ?? ""
    let data = JSONSlices.member("data", of: bytes[...]) ?? JSONSlices.member("data_base64", of: bytes[...])
    self.data = data.map { String(decoding: $0, as: UTF8.self) } ?? ""
    json = String(decoding: bytes, as: UTF8.self)
  }
}
