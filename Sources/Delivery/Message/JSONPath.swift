internal import CBytes
internal import Events
internal import Glibc

/// One value of a JSON object, by the names that lead to it.
enum JSONPath {
  /// Nil when there is nothing at `path`.
  static func value(at path: [String], in document: UnsafeRawBufferPointer) -> JSONObject.Value? {
    let names = path.map { name in UnsafePointer(name.withCString { strdup($0)! }) }
    defer { for name in names { free(UnsafeMutableRawPointer(mutating: name)) } }
    var found: JSONObject.Value?
    let optional = names.map { Optional($0) }
    _ = withUnsafeMutablePointer(to: &found) { context in
      md_json_find(
        document.bindMemory(to: UInt8.self).baseAddress, document.count, optional, path.count,
        { context, kind, bytes, length in
          let bytes = UnsafeRawBufferPointer(start: bytes, count: length)
          let found = context!.assumingMemoryBound(to: JSONObject.Value?.self)
          found.pointee = JSONPath.value(Int(kind), bytes)
        }, context)
    }
    return found
  }

  private static func value(_ kind: Int, _ bytes: UnsafeRawBufferPointer) -> JSONObject.Value {
    switch kind {
    case md_value_string: .string(bytes.text)
    case md_value_true: .boolean(true)
    case md_value_false: .boolean(false)
    case md_value_number: .number(bytes.text)
    case md_value_array: .array(Array(bytes))
    case md_value_object: .object(Array(bytes))
    default: .null
    }
  }
}

extension JSONObject.Value {
  /// As it stands in an address, a header or a form; nil for what has a structure, and for null.
  var plainText: String? {
    switch self {
    case .string(let text), .number(let text): text
    case .boolean(let isTrue): isTrue ? "true" : "false"
    case .null, .array, .object: nil
    }
  }
}

extension [UInt8] {
  /// `withUnsafeBytes` that keeps the type of what is thrown.
  func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withUnsafeBufferPointer { bytes throws(Failure) in try body(UnsafeRawBufferPointer(bytes)) }
  }
}
