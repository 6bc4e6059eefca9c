internal import CBytes

/// Turns CloudEvents 1.0 from outside into entries of the log. Nothing is kept of an event that is refused, and nothing
/// is added to the batch by a call that throws.
///
/// `@unchecked Sendable`: it may move between threads, but serves one at a time, since it reuses its working memory.
package final class CloudEventDecoder: @unchecked Sendable {
  /// Largest event, in bytes of its JSON; in binary mode of its data.
  package let maximumEventBytes: Int

  let scanner: OpaquePointer
  /// Decoded base64 and text for the event at hand.
  var scratch = ByteWriter(capacity: 1024)

  package init(maximumEventBytes: Int = EntryView.maximumData) {
    guard let scanner = md_scanner_create() else { fatalError("there is no memory for a scanner of a few kilobytes") }
    self.scanner = scanner
    self.maximumEventBytes = min(maximumEventBytes, EntryView.maximumData)
  }

  deinit { md_scanner_destroy(scanner) }

  /// Gives back working memory that a large document needed.
  package func trim(to maximum: Int = 1 << 20) {
    md_scanner_trim(scanner, maximum)
    if scratch.count > maximum { scratch = ByteWriter(capacity: 1024) }
  }

  /// One event in structured mode: `document` is exactly one JSON object. Also a line of NDJSON.
  package func decode(_ document: UnsafeRawBufferPointer, into batch: EntryBatch) throws(CloudEventError) {
    try append(one: document, payload: nil, to: batch)
  }

  /// A batch: `document` is a JSON array of events. All of it is added or nothing.
  package func decode(batch document: UnsafeRawBufferPointer, into batch: EntryBatch) throws(CloudEventError) {
    let mark = batch.mark
    var index = 0
    do {
      try begin(document)
      try check(md_scan_array(scanner))
      var object = md_object()
      while true {
        let status = md_scan_element(scanner, &object)
        if status == md_scan_end { return }
        try check(status)
        try append(object, payload: nil, to: batch)
        index += 1
      }
    } catch {
      batch.truncate(to: mark)
      var error = error
      error.index = index
      throw error
    }
  }

  /// One event in binary mode: its attributes by name and text, its data as they stand. `contentType` is the data's;
  /// JSON data are checked and stored without the space around them.
  package func decode(
    attributes: [(name: String, value: String)], contentType: String?, data: UnsafeRawBufferPointer,
    into batch: EntryBatch
  ) throws(CloudEventError) {
    guard data.count <= maximumEventBytes else { throw tooLarge(data.count) }
    let payload = try payload(of: data, contentType: contentType)
    // The attributes go through the same door as in structured mode: as a document of their own.
    var document = ByteWriter(capacity: 512)
    document.append("{" as StaticString)
    for (name, value) in attributes {
      if ["datacontenttype", "data", "data_base64"].contains(name) {
        throw .invalid("ce-\(name) means nothing: the body is the data, and Content-Type says what they are")
      }
      document.appendMember(name, value)
    }
    if let contentType { document.appendMember("datacontenttype", contentType) }
    document.append("}" as StaticString)
    do {
      try append(one: document.bytes, payload: payload, to: batch)
    } catch {
      var error = error
      error.code = .invalid
      error.offset = nil
      throw error
    }
  }

  private func payload(
    of data: UnsafeRawBufferPointer, contentType: String?
  ) throws(CloudEventError) -> Payload {
    if data.isEmpty { return .nothing }
    var type = contentType ?? "application/json"
    let content = type.withUTF8 { ContentType(UnsafeRawBufferPointer($0)) }
    guard case .json = content else { return Payload(data, .binary) }
    try begin(data)
    var first: UInt32 = 0
    var end: UInt32 = 0
    try check(md_scan_value(scanner, &first, &end))
    return Payload(UnsafeRawBufferPointer(rebasing: data[Int(first)..<Int(end)]), .json)
  }

  private func append(
    one document: UnsafeRawBufferPointer, payload: Payload?, to batch: EntryBatch
  ) throws(CloudEventError) {
    try begin(document)
    var object = md_object()
    try check(md_scan_object(scanner, &object))
    try append(object, payload: payload, to: batch)
  }

  private func begin(_ document: UnsafeRawBufferPointer) throws(CloudEventError) {
    try check(md_scan_start(scanner, document.bindMemory(to: UInt8.self).baseAddress, document.count))
  }

  private func check(_ status: Int32) throws(CloudEventError) {
    if status == md_scan_ok { return }
    throw ScanProblem.error(status: Int(status), offset: md_scan_offset(scanner))
  }

  private func append(
    _ object: md_object, payload given: Payload?, to batch: EntryBatch
  ) throws(CloudEventError) {
    let size = Int(object.end - object.first)
    guard size <= maximumEventBytes else { throw tooLarge(size) }
    scratch.truncate(to: 0)
    let members = JSONMembers(object: object)
    try members.check()
    let payload = if let given { given } else { try members.payload(scratch: &scratch) }
    try members.append(payload: payload, to: batch)
  }

  private func tooLarge(_ size: Int) -> CloudEventError {
    CloudEventError(.tooLarge, "the event has \(size) bytes, and one may have \(maximumEventBytes)")
  }
}

/// The data of an event on their way into the log.
struct Payload {
  var bytes: UnsafeRawBufferPointer
  var encoding: DataEncoding

  init(_ bytes: UnsafeRawBufferPointer, _ encoding: DataEncoding) { (self.bytes, self.encoding) = (bytes, encoding) }

  static var nothing: Payload { Payload(UnsafeRawBufferPointer(start: nil, count: 0), .none) }
}

extension ByteWriter {
  /// A member of an object that has begun; the first follows its brace.
  fileprivate mutating func appendMember(_ name: String, _ value: String) {
    if count > 1 { append(UInt8(ascii: ",")) }
    appendJSON(string: name)
    append(UInt8(ascii: ":"))
    appendJSON(string: value)
  }
}
