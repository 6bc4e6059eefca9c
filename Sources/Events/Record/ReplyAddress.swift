/// Whom an answer is for: an instance of a process, as the attribute `reply` of what it asks has it and of what answers.
///
///     <reader number>:<position of the start>.<step>:<key>
///
/// An instance that goes by its start event itself has no key, and its address ends before the second colon. Start and
/// step are 0 in what is meant for whatever instance the key has. An event type has no colon, so that the `reply` of a
/// consumer's request, which is one, is told apart.
package struct ReplyAddress: Equatable, Sendable {
  package var reader: UInt32
  package var start: UInt64
  /// Which step of the instance asks, counted from 0.
  package var step: UInt32
  /// Nil: the start event itself is the key.
  package var key: [UInt8]?

  package init(reader: UInt32, start: UInt64 = 0, step: UInt32 = 0, key: [UInt8]?) {
    (self.reader, self.start, self.step, self.key) = (reader, start, step, key)
  }

  /// Nil when `text` is no address.
  package init?(_ text: UnsafeRawBufferPointer) {
    var rest = text[...]
    guard let reader = Self.number(&rest), reader > 0, let number = UInt32(exactly: reader),
      rest.popFirst() == Self.colon,
      let start = Self.number(&rest), rest.popFirst() == UInt8(ascii: "."), let step = Self.number(&rest),
      let step = UInt32(exactly: step)
    else { return nil }
    (self.reader, self.start, self.step) = (number, start, step)
    guard let next = rest.popFirst() else { return }
    guard next == Self.colon, !rest.isEmpty else { return nil }
    key = Array(rest)
  }

  private static var colon: UInt8 { UInt8(ascii: ":") }

  private static func number(_ rest: inout Slice<UnsafeRawBufferPointer>) -> UInt64? {
    var value: UInt64 = 0
    var digits = 0
    while let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), digits < 19 {
      value = value * 10 + UInt64(byte - UInt8(ascii: "0"))
      digits += 1
      rest.removeFirst()
    }
    return digits > 0 ? value : nil
  }

  package func encode(into writer: inout ByteWriter) {
    writer.append(String(reader))
    writer.append(Self.colon)
    writer.append(String(start))
    writer.append(UInt8(ascii: "."))
    writer.append(String(step))
    guard let key else { return }
    writer.append(Self.colon)
    writer.append(key)
  }

  package var bytes: [UInt8] {
    var writer = ByteWriter(capacity: 64)
    encode(into: &writer)
    return Array(writer.bytes)
  }
}

extension EntryView {
  /// Whom it answers; nil: no instance of a process.
  package var replyAddress: ReplyAddress? {
    attributesLength == 0 ? nil : attributes[.reply].flatMap { ReplyAddress($0) }
  }
}
