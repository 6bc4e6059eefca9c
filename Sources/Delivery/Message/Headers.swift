internal import Engine
internal import Events

/// Header fields in the order in which they were set first; the last value of a name counts.
struct Headers {
  private(set) var fields: [(name: String, value: String)] = []

  mutating func set(_ name: String, _ value: String) {
    let name = name.lowercased()
    if let index = fields.firstIndex(where: { $0.name == name }) {
      fields[index].value = value
    } else {
      fields.append((name, value))
    }
  }

  /// What a message may not say: they belong to the connection, or to the promise that an attempt can be recognised.
  private static let reserved: Set<String> = [
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect",
    "idempotency-key", "nats-msg-id",
  ]

  /// The message's own headers, and those of tracing.
  mutating func add(of message: EntryView) throws(DeliveryFailure) {
    for attribute in [AttributeName.traceparent, .tracestate] {
      guard let value = message.attributes[attribute] else { continue }
      set(attribute.wireName.text, try Self.checked(value.text, of: attribute.wireName.text))
    }
    guard let own = message.attributes[.headers] else { return }
    for (name, value) in try JSONObject(members: own, of: "the message's headers").members {
      if value == .null { continue }
      guard Self.isName(name) else { throw DeliveryFailure(.impossible, "\"\(name)\" cannot be a header's name") }
      guard !Self.reserved.contains(name.lowercased()), !name.lowercased().hasPrefix("webhook-") else {
        throw DeliveryFailure(.impossible, "a message cannot set the header \"\(name)\"")
      }
      guard let text = value.plainText else {
        throw DeliveryFailure(.impossible, "the header \"\(name)\" must be a text, a number or a boolean")
      }
      set(name, try Self.checked(text, of: name))
    }
  }

  /// As a JSON object.
  var json: [UInt8] {
    var writer = ByteWriter()
    for (index, field) in fields.enumerated() {
      writer.append(UInt8(ascii: index == 0 ? "{" : ","))
      writer.appendJSON(string: field.name)
      writer.append(UInt8(ascii: ":"))
      writer.appendJSON(string: field.value)
    }
    writer.append(fields.isEmpty ? "{}" : "}" as StaticString)
    return Array(writer.bytes)
  }

  static func checked(_ value: String, of name: String) throws(DeliveryFailure) -> String {
    guard !value.utf8.contains(where: { Filling.isControl($0) && $0 != UInt8(ascii: "\t") }) else {
      throw DeliveryFailure(.impossible, "the header \"\(name)\" has a line break or another control character in it")
    }
    return value
  }

  /// A token of RFC 9110.
  private static func isName(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte & 0xdf) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
  }
}
