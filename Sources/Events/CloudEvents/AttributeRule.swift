/// What the attributes of an event from outside must be like.
enum AttributeRule {
  /// Longest name of an extension attribute, in bytes: the log keeps the length in one.
  static let maximumNameBytes = 255

  static func type(_ value: UnsafeRawBufferPointer) throws(CloudEventError) {
    guard NameRule.type.allows(value) else {
      throw .invalid(
        "type is 1 to \(NameRule.maximumTypeBytes) letters, digits, dots, hyphens and underscores, like OrderPlaced")
    }
    let prefix = NameRule.hostPrefix.utf8.count
    if value.count >= prefix, UnsafeRawBufferPointer(rebasing: value[..<prefix]).text == NameRule.hostPrefix {
      throw .invalid("types that begin with \(NameRule.hostPrefix) are made by the host alone; choose another")
    }
  }

  static func subject(_ value: UnsafeRawBufferPointer) throws(CloudEventError) {
    guard NameRule.subject.allows(value) else {
      throw .invalid("subject is at most \(NameRule.maximumSubjectBytes) bytes of text without control characters")
    }
  }

  static func specversion(_ value: UnsafeRawBufferPointer) throws(CloudEventError) {
    guard value.count == 3, value[0] == UInt8(ascii: "1"), value[1] == UInt8(ascii: "."), value[2] == UInt8(ascii: "0")
    else { throw .invalid("specversion is \"1.0\"; other versions of CloudEvents are not taken") }
  }

  static func time(_ value: UnsafeRawBufferPointer) throws(CloudEventError) {
    guard Timestamp.isValid(value) else {
      throw .invalid("time is an RFC 3339 date and time with an offset, like 2026-07-01T09:30:00Z")
    }
  }

  static func contentType(_ value: UnsafeRawBufferPointer) throws(CloudEventError) -> ContentType {
    guard let type = ContentType(value) else {
      throw .invalid("datacontenttype is a media type, like application/json")
    }
    return type
  }

  /// `id` and `source` are what a duplicate is found by.
  static func identity(
    id: UnsafeRawBufferPointer?, source: UnsafeRawBufferPointer?
  ) throws(CloudEventError) {
    if let id, id.isEmpty {
      throw .invalid("id is empty; leave it out, or give the event a name that its source uses once")
    }
    if let source, source.isEmpty { throw .invalid("source is empty; leave it out, or say where the event comes from") }
    if id != nil && source == nil {
      throw .invalid(
        "id is given without source: an id says something only together with its source; add source, or leave out id")
    }
  }

  /// Text of any attribute.
  static func text(_ value: UnsafeRawBufferPointer, of name: UnsafeRawBufferPointer) throws(CloudEventError) {
    if NameRule.containsControl(value) { throw .invalid("\(name.text) contains a control character") }
  }

  /// The name of an extension attribute. CloudEvents advises at most 20 characters; more are let through.
  static func extensionName(_ name: UnsafeRawBufferPointer) throws(CloudEventError) {
    var isAllowed = (1...maximumNameBytes).contains(name.count)
    for byte in name where isAllowed {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): break
      default: isAllowed = false
      }
    }
    guard isAllowed else {
      let shown = printable(name)
      throw .invalid(
        "\"\(shown)\" is not the name of an attribute: these are small letters and digits; what is carried goes into data"
      )
    }
  }

  /// A name as it can be shown in a sentence.
  static func printable(_ name: UnsafeRawBufferPointer) -> String {
    let shown = name.count > 64 ? UnsafeRawBufferPointer(rebasing: name[..<64]).text + "…" : name.text
    return String(
      String.UnicodeScalarView(shown.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
  }
}
