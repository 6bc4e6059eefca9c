internal import CBytes

/// The members of one event that the scanner found, on their way into a batch.
struct JSONMembers {
  let object: md_object

  /// The text of a member that must be a string; nil when it is absent or null.
  private func text(_ word: Int, _ name: StaticString) throws(CloudEventError) -> UnsafeRawBufferPointer? {
    guard let member = present(word) else { return nil }
    guard Int(member.pointee.kind) == md_value_string else { throw .invalid("\(name) must be a string") }
    return Self.value(member)
  }

  private func present(_ word: Int) -> UnsafePointer<md_member>? {
    guard let member = md_object_member(object, word), Int(member.pointee.kind) != md_value_null else { return nil }
    return member
  }

  /// Everything that can be wrong apart from the data and the values of the optional attributes.
  func check() throws(CloudEventError) {
    guard let version = try text(md_word_specversion, "specversion") else {
      throw .invalid(
        "specversion is missing: write \"specversion\":\"1.0\", in binary mode the header ce-specversion: 1.0")
    }
    try AttributeRule.specversion(version)
    guard let type = try text(md_word_type, "type") else {
      throw .invalid("type is missing: say what happened, like \"type\":\"OrderPlaced\"")
    }
    try AttributeRule.type(type)
    if let subject = try text(md_word_subject, "subject") { try AttributeRule.subject(subject) }
    try AttributeRule.identity(id: text(md_word_id, "id"), source: text(md_word_source, "source"))
    if let time = try text(md_word_time, "time") { try AttributeRule.time(time) }
  }

  /// The data: JSON as it stands, or the bytes that a string or base64 stands for.
  func payload(scratch: inout ByteWriter) throws(CloudEventError) -> Payload {
    var content = ContentType.json
    if let type = try text(md_word_datacontenttype, "datacontenttype") { content = try AttributeRule.contentType(type) }
    if let encoded = try text(md_word_data_base64, "data_base64") {
      if md_object_member(object, md_word_data) != nil {
        throw .invalid("data and data_base64 are both given; an event has one of them")
      }
      let room = scratch.reserve(encoded.count + 1)
      let count = md_base64_decode(
        encoded.bindMemory(to: UInt8.self).baseAddress, encoded.count, room.assumingMemoryBound(to: UInt8.self))
      guard count >= 0 else { throw .invalid("data_base64 is not base64 with padding, as RFC 4648 writes it") }
      return Payload(UnsafeRawBufferPointer(start: room, count: count), .binary)
    }
    guard let member = md_object_member(object, md_word_data) else { return .nothing }
    let data = Self.value(member)
    if case .json = content { return Payload(data, .json) }
    if Int(member.pointee.kind) == md_value_null { return .nothing }
    guard Int(member.pointee.kind) == md_value_string else {
      throw .invalid("data of a content type that is not JSON must be a string, or go into data_base64")
    }
    let room = scratch.reserve(data.count)
    let count = md_unescape(
      member.pointee.value + 1, data.count - 2, room.assumingMemoryBound(to: UInt8.self))
    return Payload(UnsafeRawBufferPointer(start: room, count: count), .binary)
  }

  /// Encodes the event, or leaves the batch as it was and throws.
  func append(payload: Payload, to batch: EntryBatch) throws(CloudEventError) {
    guard let type = present(md_word_type) else { return }
    let subject = present(md_word_subject).map { Self.value($0) } ?? UnsafeRawBufferPointer(start: nil, count: 0)
    let mark = batch.mark
    batch.begin(kind: .event, type: Self.value(type), subject: subject, data: payload.bytes, encoding: payload.encoding)
    do {
      var member = object.members!
      for _ in 0..<object.count {
        try append(member, to: batch)
        member += 1
      }
    } catch {
      batch.truncate(to: mark)
      throw error
    }
    var identity: UInt64 = 0
    if let id = present(md_word_id), let source = present(md_word_source) {
      identity = batch.hash.identity(source: Self.value(source), id: Self.value(id))
    }
    batch.end(identityHash: identity)
  }

  private func append(_ member: UnsafePointer<md_member>, to batch: EntryBatch) throws(CloudEventError) {
    let kind = Int(member.pointee.kind)
    switch Int(member.pointee.word) {
    case md_word_specversion, md_word_type, md_word_subject, md_word_data, md_word_data_base64, md_word_position: return
    case md_word_none:
      let name = UnsafeRawBufferPointer(start: member.pointee.name, count: Int(member.pointee.name_length))
      try AttributeRule.extensionName(name)
      if kind == md_value_null { return }
      try appendExtension(name, member, kind, to: batch)
    default:
      if kind == md_value_null { return }
      guard let name = AttributeName(rawValue: member.pointee.word) else { return }
      guard kind == md_value_string else { throw .invalid("\(name.wireName.text) must be a string") }
      let value = Self.value(member)
      try AttributeRule.text(value, of: name.wireName)
      batch.addAttribute(name, value)
    }
  }

  private func appendExtension(
    _ name: UnsafeRawBufferPointer, _ member: UnsafePointer<md_member>, _ kind: Int, to batch: EntryBatch
  ) throws(CloudEventError) {
    let value = Self.value(member)
    switch kind {
    case md_value_string:
      try AttributeRule.text(value, of: name)
      batch.addAttribute(named: name, value)
    case md_value_true, md_value_false: batch.addAttribute(named: name, boolean: kind == md_value_true)
    case md_value_number:
      guard let integer = Int64(value.text) else {
        throw .invalid(
          "\(name.text) must be a whole number of at most 64 bits; other numbers go into data, or into a string")
      }
      batch.addAttribute(named: name, integer: integer)
    default:
      throw .invalid(
        "\(name.text) must be a string, a whole number, true or false; what has a structure goes into data")
    }
  }

  private static func value(_ member: UnsafePointer<md_member>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: member.pointee.value, count: Int(member.pointee.value_length))
  }
}

/// `md_object_member` for words as Swift sees them.
private func md_object_member(_ object: md_object, _ word: Int) -> UnsafePointer<md_member>? {
  withUnsafePointer(to: object) { CBytes.md_object_member($0, UInt32(word)) }
}
