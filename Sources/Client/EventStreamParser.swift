/// Takes server-sent events apart (WHATWG HTML, section 9.2.6), as they come in.
struct EventStreamParser {
  struct Message: Equatable {
    var name = ""
    var data: [UInt8] = []
  }

  private var line: [UInt8] = []
  private var message = Message()

  /// The messages that are complete with these bytes.
  mutating func take(_ bytes: UnsafeRawBufferPointer) -> [Message] {
    var complete: [Message] = []
    for byte in bytes {
      if byte != UInt8(ascii: "\n") {
        line.append(byte)
        continue
      }
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      if line.isEmpty {
        if !message.data.isEmpty { complete.append(message) }
        message = Message()
      } else {
        takeLine()
      }
      line.removeAll(keepingCapacity: true)
    }
    return complete
  }

  private mutating func takeLine() {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return }
    var value = line[(colon + 1)...]
    if value.first == UInt8(ascii: " ") { value.removeFirst() }
    if line[..<colon].elementsEqual("data".utf8) {
      if !message.data.isEmpty { message.data.append(UInt8(ascii: "\n")) }
      message.data.append(contentsOf: value)
    } else if line[..<colon].elementsEqual("event".utf8) {
      message.name = String(decoding: value, as: UTF8.self)
    }
  }
}
