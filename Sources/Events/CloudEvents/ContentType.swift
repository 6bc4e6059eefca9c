/// What a content type says about data bytes.
package enum ContentType: Sendable {
  /// `application/json`, `text/json` or anything that ends in `+json`.
  case json
  /// `text/…`, `application/xml` or anything that ends in `+xml`: travels as a JSON string.
  case text
  /// Any other media type: travels as base64.
  case binary

  /// Nil when `text` is not a media type (`type/subtype`, perhaps with parameters).
  package init?(_ text: UnsafeRawBufferPointer) {
    if Self.matches(text, "application/json") {
      self = .json
      return
    }
    var end = text.firstIndex(of: UInt8(ascii: ";")) ?? text.count
    while end > 0, text[end - 1] == UInt8(ascii: " ") || text[end - 1] == UInt8(ascii: "\t") { end -= 1 }
    let media = UnsafeRawBufferPointer(rebasing: text[..<end])
    guard let slash = media.firstIndex(of: UInt8(ascii: "/")), slash > 0, slash + 1 < media.count,
      media.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") })
    else { return nil }
    if Self.matches(media, "application/json") || Self.matches(media, "text/json") || Self.ends(media, "+json") {
      self = .json
    } else if Self.matches(UnsafeRawBufferPointer(rebasing: media[...slash]), "text/")
      || Self.matches(media, "application/xml") || Self.ends(media, "+xml")
    {
      self = .text
    } else {
      self = .binary
    }
  }

  private static func ends(_ text: UnsafeRawBufferPointer, _ end: StaticString) -> Bool {
    text.count >= end.utf8CodeUnitCount
      && matches(UnsafeRawBufferPointer(rebasing: text[(text.count - end.utf8CodeUnitCount)...]), end)
  }

  /// Equal but for the case of ASCII letters. `lower` is in lower case.
  private static func matches(_ text: UnsafeRawBufferPointer, _ lower: StaticString) -> Bool {
    guard text.count == lower.utf8CodeUnitCount else { return false }
    for index in 0..<text.count {
      let byte = text[index]
      let small = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
      if small != lower.utf8Start[index] { return false }
    }
    return true
  }
}
