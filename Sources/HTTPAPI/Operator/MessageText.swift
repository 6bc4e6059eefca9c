internal import Events

/// A message of the outbox as JSON. It is no event: it has a destination and a key, and its body goes out as the script
/// gave it.
struct MessageText {
  /// Of the log: with the position it names a message for good.
  let logID: String

  func append(_ message: EntryView, position: Position, committed: Int64, to writer: inout ByteWriter) {
    writer.append("{\"id\":" as StaticString)
    writer.appendJSON(string: "\(logID)-\(position)")
    writer.append(",\"destination\":" as StaticString)
    writer.appendJSON(string: message.type)
    writer.append(",\"key\":" as StaticString)
    writer.appendJSON(string: message.subject)
    if let about = message.attributes[.about] {
      writer.append(",\"type\":" as StaticString)
      writer.appendJSON(string: about)
    }
    if let headers = message.attributes[.headers] {
      writer.append(",\"headers\":" as StaticString)
      writer.append(headers)
    }
    if message.dataEncoding == .json {
      writer.append(",\"body\":" as StaticString)
      writer.append(message.data)
    }
    if message.cause != 0 {
      writer.append(",\"causationid\":\"" as StaticString)
      writer.appendDecimal(message.cause)
      writer.append(UInt8(ascii: "\""))
    }
    writer.append(",\"position\":" as StaticString)
    writer.appendDecimal(position.rawValue)
    writer.append(",\"time\":\"" as StaticString)
    Timestamp.write(committed, into: &writer)
    writer.append("\"}" as StaticString)
  }
}
