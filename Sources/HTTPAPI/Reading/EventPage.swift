internal import Events
internal import NIOCore
internal import Scripts
internal import Wire

/// Encodes what a search finds.
struct EventPage {
  let reading: any EventReading
  let encoder: CloudEventEncoder
  let limits: DoorLimits

  /// `{"events":[…],"next":P}` with what the query asks for, up to `durable`. `next` is where the following page begins:
  /// when everything was given, after the last durable position.
  func json(_ query: EventQuery, durable: Position) throws -> ByteBuffer {
    let search = try EventSearch(reading, query.filter, durable: durable, for: limits.searchTime)
    var from = query.from ?? Position(1)
    if let last = query.last { from = try search.start(ofLast: last) }
    let limit = query.limit ?? query.last ?? limits.pageEvents
    var count = 0
    var writer = ByteWriter(capacity: 16 << 10)
    writer.append("{\"events\":[" as StaticString)
    var problem: Problem?
    let next = try search.forEach(from: from) { entry, position, committed in
      if count == limit || count > 0 && writer.count >= limits.pageBytes { return false }
      let data: [UInt8]?
      do throws(Problem) {
        data = query.isUpcast ? try newestData(entry, position, committed) : nil
      } catch {
        problem = error
        return false
      }
      if count > 0 { writer.append(UInt8(ascii: ",")) }
      encoder.encode(entry, position: position, committed: committed, data: data, into: &writer)
      count += 1
      return true
    }
    if let problem { throw problem }
    writer.append("],\"next\":" as StaticString)
    writer.appendDecimal(next.rawValue)
    writer.append(UInt8(ascii: "}"))
    return ByteBuffer(bytes: writer.bytes)
  }

  /// One event as JSON; nil when there is none at this position.
  func event(at position: Position, isUpcast: Bool) throws -> ByteBuffer? {
    var body: ByteBuffer?
    var problem: Problem?
    try reading.visit([position]) { entry, position, committed in
      guard entry.rawKind == RecordKind.event.rawValue else { return false }
      var writer = ByteWriter(capacity: 1024)
      do throws(Problem) {
        let data = isUpcast ? try newestData(entry, position, committed) : nil
        encoder.encode(entry, position: position, committed: committed, data: data, into: &writer)
        body = ByteBuffer(bytes: writer.bytes)
      } catch {
        problem = error
      }
      return false
    }
    if let problem { throw problem }
    return body
  }

  /// Nil: they are those that the log has.
  private func newestData(
    _ entry: EntryView, _ position: Position, _ committed: Int64
  ) throws(Problem) -> [UInt8]? {
    switch reading.newestData(of: entry, at: position, committed: committed) {
    case .same: return nil
    case .upcast(let data): return data
    case .failed(let why):
      throw Problem(
        .refused,
        "The event at position \(position) cannot be made like its newest version: \(why). Without upcast it "
          + "comes as it was written.")
    }
  }

  /// A portion of the event stream from `from` on: at most `limit` events, about `pageBytes`, and the position to go on
  /// from. A portion that found nothing but got on says how far, so that nobody resumes before it.
  func portion(
    _ filter: EventFilter, from: Position, durable: Position, limit: Int
  ) throws -> (body: ByteBuffer, next: Position, count: Int) {
    let search = try EventSearch(reading, filter, durable: durable, for: limits.searchTime)
    var writer = ByteWriter(capacity: 4096)
    var count = 0
    let next = try search.forEach(from: from) { entry, position, committed in
      if count == limit || writer.count >= limits.chunkBytes { return false }
      EventStreamText.append(position: position, to: &writer)
      let start = writer.count
      encoder.encode(entry, position: position, committed: committed, into: &writer)
      EventStreamText.end(from: start, in: &writer)
      count += 1
      return true
    }
    return (ByteBuffer(bytes: writer.bytes), next, count)
  }
}

/// The text of `text/event-stream`.
enum EventStreamText {
  static func append(position: Position, to writer: inout ByteWriter) {
    writer.append("id: " as StaticString)
    writer.appendDecimal(position.rawValue)
    writer.append("\ndata: " as StaticString)
  }

  /// Ends an event whose JSON begins at `start`. A line break of JSON stands between tokens only, where a space means
  /// the same, and would end the field here.
  static func end(from start: Int, in writer: inout ByteWriter) {
    writer.flattenLines(from: start)
    writer.append("\n\n" as StaticString)
  }

  /// Says that the connection is alive and that everything up to `position` was looked at.
  static func alive(through position: Position) -> ByteBuffer {
    ByteBuffer(string: "id: \(position)\n: alive\n\n")
  }

  /// Says goodbye to a reader that is too slow.
  static func cut(resumeAfter position: Position) -> ByteBuffer {
    ByteBuffer(
      string: "event: cut\nid: \(position)\ndata: {\"reason\":\"too slow\",\"last\":\(position)}\n\n")
  }
}

extension ByteWriter {
  /// Puts a space in the place of every line break after the first `start` bytes.
  fileprivate mutating func flattenLines(from start: Int) {
    for byte in [UInt8(ascii: "\n"), UInt8(ascii: "\r")] {
      var from = start
      while let found = UnsafeRawBufferPointer(rebasing: bytes[from...]).firstByte(byte) {
        patch(UInt8(ascii: " "), at: from + found)
        from += found + 1
      }
    }
  }
}
