/// Takes `text/event-stream` apart, however it is cut into pieces.
struct EventStreamParser {
  struct Message: Equatable {
    /// `message` when the stream does not say.
    var event = "message"
    var data: [UInt8] = []
  }

  /// The last id that the stream gave, with an event or alone.
  private(set) var lastID: UInt64?
  /// How long to wait before coming back, when the stream says so.
  private(set) var retryMilliseconds: Int?

  private var line: [UInt8] = []
  private var message = Message()
  private var hasData = false
  private var id: UInt64?

  /// Calls `body` for every message that is complete with these bytes, until it returns false.
  /// - Returns: false when `body` did.
  mutating func take(_ bytes: UnsafeRawBufferPointer, _ body: (Message) throws -> Bool) rethrows -> Bool {
    var rest = bytes[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      line.append(contentsOf: rest[rest.startIndex..<end])
      rest = rest[(end + 1)...]
      defer { line.removeAll(keepingCapacity: true) }
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      if !line.isEmpty {
        takeField()
        continue
      }
      if let id { lastID = id }
      let (whole, isWhole) = (message, hasData)
      (message, hasData, id) = (Message(), false, nil)
      if isWhole, try !body(whole) { return false }
    }
    line.append(contentsOf: rest)
    return true
  }

  private mutating func takeField() {
    let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
    var value = line[min(colon + 1, line.endIndex)...]
    if value.first == UInt8(ascii: " ") { value.removeFirst() }
    switch String(decoding: line[..<colon], as: UTF8.self) {
    case "data":
      if hasData { message.data.append(UInt8(ascii: "\n")) }
      message.data.append(contentsOf: value)
      hasData = true
    case "event": message.event = String(decoding: value, as: UTF8.self)
    case "id": id = UInt64(String(decoding: value, as: UTF8.self)) ?? id
    case "retry": retryMilliseconds = Int(String(decoding: value, as: UTF8.self)) ?? retryMilliseconds
    default: break
    }
  }
}
