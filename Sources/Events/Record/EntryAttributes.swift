/// The attributes of an entry: id, source, time as given, content type, tracing, extensions.
///
/// A run of: name number (u8; 0: u8 length and the name follow) · value type (u8) · value length (u32) · value.
package struct EntryAttributes: Sequence {
  package let bytes: UnsafeRawBufferPointer

  @inlinable package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  package struct Attribute {
    package let known: AttributeName?
    /// The name as on the wire.
    package let name: UnsafeRawBufferPointer
    package let valueType: AttributeType
    package let value: UnsafeRawBufferPointer
  }

  package struct Iterator: IteratorProtocol {
    var rest: UnsafeRawBufferPointer

    package mutating func next() -> Attribute? {
      guard rest.count >= 6, let base = rest.baseAddress else { return nil }
      let number = base.load(as: UInt8.self)
      var offset = 1
      let known = AttributeName(rawValue: number)
      var name = known?.wireName ?? UnsafeRawBufferPointer(start: nil, count: 0)
      if number == 0 {
        let length = Int(base.load(fromByteOffset: 1, as: UInt8.self))
        guard rest.count >= 2 + length + 5 else { return nil }
        name = UnsafeRawBufferPointer(start: base + 2, count: length)
        offset = 2 + length
      }
      guard let type = AttributeType(rawValue: base.load(fromByteOffset: offset, as: UInt8.self)) else { return nil }
      let length = Int(base.integer(UInt32.self, at: offset + 1))
      offset += 5
      guard rest.count >= offset + length else { return nil }
      let value = UnsafeRawBufferPointer(start: base + offset, count: length)
      rest = UnsafeRawBufferPointer(rebasing: rest[(offset + length)...])
      return Attribute(known: known, name: name, valueType: type, value: value)
    }
  }

  package func makeIterator() -> Iterator { Iterator(rest: bytes) }

  /// The value of a known attribute, or nil.
  package subscript(_ name: AttributeName) -> UnsafeRawBufferPointer? {
    for attribute in self where attribute.known == name { return attribute.value }
    return nil
  }

  static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var iterator = Iterator(rest: bytes)
    while iterator.next() != nil {}
    return iterator.rest.isEmpty
  }
}

/// Attributes with a number of their own in the log format. Never renumbered.
package enum AttributeName: UInt8, Sendable, CaseIterable {
  case id = 1
  case source = 2
  /// The producer's claim, the text as given.
  case time = 3
  case datacontenttype = 4
  case dataschema = 5
  case traceparent = 6
  case tracestate = 7
  case correlationid = 8
  /// The type of event that answers a request, inherited for one hop.
  case reply = 9
  /// The key that encrypts the data.
  case keyid = 10
  /// The name of the log that `cause` and `root` lie in, when it is another one.
  case causelog = 11
  /// A timer's due time (i64, µs since 1970) and its scope.
  case due = 12
  case timerreader = 13
  case timerkey = 14
  case timerid = 15
  /// Of a command that a script sent: the subject of what it was handling, which hears of a rejection.
  case sender = 16
  /// Of a message: the type of what the script was handling.
  case about = 17
  /// Of a message: further headers, a JSON object of texts.
  case headers = 18
  /// Of a message whose answer is wanted: what is asked, a JSON object (docs/log-format.md).
  case request = 19

  package var wireName: UnsafeRawBufferPointer {
    staticName.bytes
  }

  private var staticName: StaticString {
    switch self {
    case .id: "id"
    case .source: "source"
    case .time: "time"
    case .datacontenttype: "datacontenttype"
    case .dataschema: "dataschema"
    case .traceparent: "traceparent"
    case .tracestate: "tracestate"
    case .correlationid: "correlationid"
    case .reply: "reply"
    case .keyid: "keyid"
    case .causelog: "causelog"
    case .due: "due"
    case .timerreader: "timerreader"
    case .timerkey: "timerkey"
    case .timerid: "timerid"
    case .sender: "sender"
    case .about: "about"
    case .headers: "headers"
    case .request: "request"
    }
  }
}

/// The CloudEvents type of an attribute's value, so that it goes out as it came in.
package enum AttributeType: UInt8, Sendable {
  case string = 1
  case boolean = 2
  case integer = 3
  case bytes = 4
}
