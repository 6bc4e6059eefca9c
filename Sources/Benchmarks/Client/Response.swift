/// An HTTP/1.1 answer in the bytes that have come so far.
struct Response {
  let status: Int
  /// Of the head and the body together.
  let length: Int

  /// Nil while the answer is not whole. An answer without a length is an error: none that is measured has that.
  init?(_ bytes: UnsafeRawBufferPointer) throws {
    guard let head = Self.find("\r\n\r\n", in: bytes) else { return nil }
    guard bytes.count > 12, let hundreds = Self.digit(bytes[9]), let tens = Self.digit(bytes[10]),
      let ones = Self.digit(bytes[11])
    else { throw BenchError("the server answers with something that is not HTTP") }
    status = hundreds * 100 + tens * 10 + ones
    guard let name = Self.find("\r\nContent-Length: ", in: bytes), name < head else {
      throw BenchError("the server answers \(status) without a length")
    }
    var (at, body) = (name + 18, 0)
    while let digit = Self.digit(bytes[at]) { (at, body) = (at + 1, body * 10 + digit) }
    guard bytes.count >= head + 4 + body else { return nil }
    length = head + 4 + body
  }

  private static func digit(_ byte: UInt8) -> Int? {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? Int(byte - UInt8(ascii: "0")) : nil
  }

  /// Answers are short, so the simplest search does.
  private static func find(_ text: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
    let (first, length) = (text.utf8Start[0], text.utf8CodeUnitCount)
    var at = 0
    while at + length <= bytes.count {
      if bytes[at] == first, (1..<length).allSatisfy({ bytes[at + $0] == text.utf8Start[$0] }) { return at }
      at += 1
    }
    return nil
  }
}

/// Requests as bytes, made before the time is taken.
enum RequestText {
  static func post(_ path: String, _ contentType: String, _ body: [UInt8]) -> [UInt8] {
    head(path, contentType, "Content-Length: \(body.count)") + body
  }

  static func head(_ path: String, _ contentType: String, _ length: String) -> [UInt8] {
    Array("POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: \(contentType)\r\n\(length)\r\n\r\n".utf8)
  }
}
