internal import CLuaHost

/// Why Lua code did not do what it was asked to.
package struct LuaError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Code: Sendable, Hashable {
    /// The source does not compile.
    case syntax
    /// The script raised an error and nothing in it caught it.
    case script
    /// The call used up its instructions or its time. The interpreter must be thrown away.
    case time
    /// The call used up its memory. The interpreter must be thrown away.
    case memory
    /// Not the script's fault.
    case host
  }

  package var code: Code
  /// One sentence; for the script's own errors it begins with `file:line: `.
  package var message: String
  /// One frame a line, innermost first, without a heading; empty if there is none.
  package var traceback: String

  package init(_ code: Code, _ message: String, traceback: String = "") {
    self.code = code
    self.message = message
    self.traceback = traceback
  }

  package var description: String { message }

  /// The file and line at the beginning of the message, and what follows them.
  package var position: (file: String, line: Int, text: String)? {
    let bytes = Array(message.utf8)
    var at = 0
    while let colon = bytes[at...].firstIndex(of: UInt8(ascii: ":")) {
      var end = colon + 1
      var line = 0
      while end < bytes.count, let digit = Self.digit(bytes[end]), line < 1_000_000_000 {
        line = line * 10 + digit
        end += 1
      }
      if end > colon + 1, end < bytes.count, bytes[end] == UInt8(ascii: ":") {
        var text = end + 1
        if text < bytes.count && bytes[text] == UInt8(ascii: " ") { text += 1 }
        return (String(decoding: bytes[..<colon], as: UTF8.self), line, String(decoding: bytes[text...], as: UTF8.self))
      }
      at = colon + 1
    }
    return nil
  }

  private static func digit(_ byte: UInt8) -> Int? {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? Int(byte - UInt8(ascii: "0")) : nil
  }
}

extension LuaError {
  init(_ outcome: md_lua_outcome) {
    self.init(Code(outcome.status), String(outcome.message), traceback: Self.frames(String(outcome.traceback)))
  }

  /// A traceback without the host's own frames at the end.
  static func frames(_ text: String) -> String {
    var lines = text.split(separator: "\n")
    while let last = lines.last, last.hasPrefix("[C]") { lines.removeLast() }
    return lines.joined(separator: "\n")
  }
}

extension LuaError.Code {
  init(_ status: md_lua_status) {
    switch status {
    case MD_LUA_SYNTAX: self = .syntax
    case MD_LUA_TIME: self = .time
    case MD_LUA_MEMORY: self = .memory
    case MD_LUA_HOST: self = .host
    default: self = .script
    }
  }
}

extension String {
  init(_ text: md_lua_text) {
    self = String(decoding: UnsafeRawBufferPointer(text), as: UTF8.self)
  }
}

extension UnsafeRawBufferPointer {
  init(_ text: md_lua_text) {
    self.init(start: text.bytes, count: text.length)
  }
}
