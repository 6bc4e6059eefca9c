internal import Engine
internal import Events
internal import Scripts

/// The body of a message as it goes out.
enum Envelope {
  /// The JSON that the script gave, or a CloudEvent around it. Empty when the script gave nothing and nothing is around
  /// it.
  static func body(of parcel: Parcel, from logName: String) -> [UInt8] {
    let message = parcel.attempt.message
    guard isCloudEvent(parcel) else { return Array(message.data) }
    var writer = ByteWriter(capacity: 512 + message.data.count)
    appendCloudEvent(parcel, message, logName, into: &writer)
    return Array(writer.bytes)
  }

  /// A request asks in its own words.
  static func isCloudEvent(_ parcel: Parcel) -> Bool {
    parcel.attempt.destination.body == .cloudEvent && parcel.request == nil
  }

  private static func appendCloudEvent(
    _ parcel: Parcel, _ message: EntryView, _ logName: String, into writer: inout ByteWriter
  ) {
    writer.append("{\"specversion\":\"1.0\",\"id\":" as StaticString)
    writer.appendJSON(string: parcel.id)
    writer.append(",\"source\":" as StaticString)
    writer.appendJSON(string: logName)
    writer.append(",\"type\":" as StaticString)
    // What was published outside of any handling has no other type than its destination.
    if let about = message.attributes[.about], !about.isEmpty {
      writer.appendJSON(string: about)
    } else {
      writer.appendJSON(string: parcel.attempt.name)
    }
    if let subject = message.attributes[.sender], !subject.isEmpty {
      writer.append(",\"subject\":" as StaticString)
      writer.appendJSON(string: subject)
    }
    writer.append(",\"time\":\"" as StaticString)
    Timestamp.write(parcel.attempt.recorded, into: &writer)
    writer.append("\",\"datacontenttype\":\"application/json\",\"position\":" as StaticString)
    writer.appendDecimal(parcel.attempt.position)
    if !message.subject.isEmpty {
      writer.append(",\"partitionkey\":" as StaticString)
      writer.appendJSON(string: message.subject)
    }
    for attribute in [AttributeName.correlationid, .traceparent, .tracestate] {
      guard let value = message.attributes[attribute] else { continue }
      writer.append(",\"" as StaticString)
      writer.append(attribute.wireName)
      writer.append("\":" as StaticString)
      writer.appendJSON(string: value)
    }
    if !message.data.isEmpty {
      writer.append(",\"data\":" as StaticString)
      writer.append(message.data)
    }
    writer.append(UInt8(ascii: "}"))
  }
}
