/// Writes entries of the log as CloudEvents 1.0 in JSON.
///
/// Attributes go out as they came in, data byte for byte. What the sender did not give is filled: `id` with the
/// position, `source` with the name of the log, `time` with the commit time. The log adds `position`, `causationid`
/// (the position of the cause, when there is one) and `correlationid` (the position of the root, unless one was given).
package struct CloudEventEncoder: Sendable {
  /// The log's name with quotes, ready to be written.
  private let logName: [UInt8]

  package init(logName: String) {
    var writer = ByteWriter(capacity: logName.utf8.count + 2)
    writer.appendJSON(string: logName)
    self.logName = Array(writer.bytes)
  }

  /// Appends the entry's JSON object. `committed` is its commit time in microseconds since 1970; `data`, JSON, stands in
  /// for its own.
  package func encode(
    _ entry: EntryView, position: Position, committed: Int64, data: [UInt8]? = nil, into writer: inout ByteWriter
  ) {
    let given = Given(entry.attributes)
    writer.append("{\"specversion\":\"1.0\",\"id\":" as StaticString)
    if let id = given.id {
      writer.appendJSON(string: id)
    } else {
      writer.append(UInt8(ascii: "\""))
      writer.appendDecimal(position.rawValue)
      writer.append(UInt8(ascii: "\""))
    }
    writer.append(",\"source\":" as StaticString)
    if let source = given.source { writer.appendJSON(string: source) } else { writer.append(logName) }
    writer.append(",\"type\":" as StaticString)
    writer.appendJSON(string: entry.type)
    if !entry.subject.isEmpty {
      writer.append(",\"subject\":" as StaticString)
      writer.appendJSON(string: entry.subject)
    }
    writer.append(",\"time\":" as StaticString)
    if let time = given.time {
      writer.appendJSON(string: time)
    } else {
      writer.append(UInt8(ascii: "\""))
      Timestamp.write(committed, into: &writer)
      writer.append(UInt8(ascii: "\""))
    }
    appendOthers(entry, into: &writer)
    appendPlace(entry, position, hasCorrelation: given.hasCorrelation, into: &writer)
    if let data {
      writer.append(",\"data\":" as StaticString)
      writer.append(data)
    } else {
      appendData(entry, given.contentType, into: &writer)
    }
    writer.append(UInt8(ascii: "}"))
  }

  private func appendOthers(_ entry: EntryView, into writer: inout ByteWriter) {
    for attribute in entry.attributes {
      switch attribute.known {
      case .id, .source, .time: continue
      default: break
      }
      writer.append(",\"" as StaticString)
      writer.append(attribute.name)
      writer.append("\":" as StaticString)
      switch attribute.valueType {
      case .string: writer.appendJSON(string: attribute.value)
      case .boolean: writer.append(attribute.boolean == true ? "true" : "false" as StaticString)
      case .integer: writer.appendDecimal(attribute.integer ?? 0)
      case .bytes: writer.appendBase64(attribute.value)
      }
    }
  }

  private func appendPlace(
    _ entry: EntryView, _ position: Position, hasCorrelation: Bool, into writer: inout ByteWriter
  ) {
    writer.append(",\"position\":" as StaticString)
    writer.appendDecimal(position.rawValue)
    if entry.cause != 0 {
      writer.append(",\"causationid\":\"" as StaticString)
      writer.appendDecimal(entry.cause)
      writer.append(UInt8(ascii: "\""))
    }
    if !hasCorrelation {
      writer.append(",\"correlationid\":\"" as StaticString)
      writer.appendDecimal(entry.root == 0 ? position.rawValue : entry.root)
      writer.append(UInt8(ascii: "\""))
    }
  }

  private func appendData(
    _ entry: EntryView, _ contentType: UnsafeRawBufferPointer?, into writer: inout ByteWriter
  ) {
    switch entry.dataEncoding {
    case .none: break
    case .json:
      writer.append(",\"data\":" as StaticString)
      writer.append(entry.data)
    case .binary:
      if let contentType, case .text? = ContentType(contentType), String(validating: entry.data, as: UTF8.self) != nil {
        writer.append(",\"data\":" as StaticString)
        writer.appendJSON(string: entry.data)
      } else {
        writer.append(",\"data_base64\":" as StaticString)
        writer.appendBase64(entry.data)
      }
    }
  }
}

/// The attributes that decide how an event is written, found in one pass.
private struct Given {
  var id: UnsafeRawBufferPointer?
  var source: UnsafeRawBufferPointer?
  var time: UnsafeRawBufferPointer?
  var contentType: UnsafeRawBufferPointer?
  var hasCorrelation = false

  init(_ attributes: EntryAttributes) {
    for attribute in attributes {
      switch attribute.known {
      case .id: id = attribute.value
      case .source: source = attribute.value
      case .time: time = attribute.value
      case .datacontenttype: contentType = attribute.value
      case .correlationid: hasCorrelation = true
      default: break
      }
    }
  }
}
