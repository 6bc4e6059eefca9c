internal import CBytes

/// A small JSON object from outside, taken apart and checked as strictly as an event is: UTF-8 without a byte order mark,
/// the grammar to the letter, at most 64 levels and 64 members, no name twice.
package struct JSONObject: Sendable {
  package enum Value: Sendable, Equatable {
    /// Without escapes.
    case string(String)
    /// As written.
    case number(String)
    case boolean(Bool)
    case null
    /// JSON as it stands.
    case array([UInt8])
    case object([UInt8])
  }

  /// In the order of the document.
  package private(set) var members: [(name: String, value: Value)] = []

  /// - Throws: an error of the code `malformed`, with its place.
  package init(_ document: UnsafeRawBufferPointer) throws(CloudEventError) {
    guard let scanner = md_scanner_create() else { fatalError("there is no memory for a scanner of a few kilobytes") }
    defer { md_scanner_destroy(scanner) }
    var object = md_object()
    var status = md_scan_start(scanner, document.bindMemory(to: UInt8.self).baseAddress, document.count)
    if Int(status) == md_scan_ok { status = md_scan_object(scanner, &object) }
    guard Int(status) == md_scan_ok else {
      throw Self.error(Int(status), offset: md_scan_offset(scanner))
    }
    for index in 0..<Int(object.count) {
      let member = object.members![index]
      let name = UnsafeRawBufferPointer(start: member.name, count: Int(member.name_length))
      members.append((name.text, Self.value(member)))
    }
  }

  package subscript(name: String) -> Value? { members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }

  private static func value(_ member: md_member) -> Value {
    let bytes = UnsafeRawBufferPointer(start: member.value, count: Int(member.value_length))
    return switch Int(member.kind) {
    case md_value_string where Int(member.word) == md_word_data: .string(unescaped(bytes))
    case md_value_string: .string(bytes.text)
    case md_value_true: .boolean(true)
    case md_value_false: .boolean(false)
    case md_value_null: .null
    case md_value_number: .number(bytes.text)
    case md_value_array: .array(Array(bytes))
    default: .object(Array(bytes))
    }
  }

  /// The scanner leaves the value of a member `data` as it stands.
  private static func unescaped(_ string: UnsafeRawBufferPointer) -> String {
    let quoted = string.bindMemory(to: UInt8.self)
    return String(unsafeUninitializedCapacity: quoted.count) {
      md_unescape(quoted.baseAddress! + 1, quoted.count - 2, $0.baseAddress!)
    }
  }

  private static func error(_ status: Int, offset: Int) -> CloudEventError {
    switch status {
    case md_scan_not_an_object: CloudEventError(.malformed, "the body is a JSON object, {…}", offset: offset)
    case md_scan_duplicate_name: CloudEventError(.malformed, "this name is given twice", offset: offset)
    default: ScanProblem.error(status: status, offset: offset)
    }
  }
}
