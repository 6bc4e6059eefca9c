import CBytes
import Events
import LuaRuntime
import TestKit
import Testing

/// JSON through the door and onto the Lua stack: what the door takes is read by Lua, what Lua reads is JSON, and what it
/// writes is both.
@Suite struct BridgeFuzz {
  private final class Bridge {
    let state: LuaState
    let identity: LuaRef
    let scanner = md_scanner_create()!

    init() throws {
      state = try LuaState()
      identity = try state.held("return function(value) return value end")
    }

    deinit { md_scanner_destroy(scanner) }

    /// What the door says of a value.
    func isTaken(_ bytes: [UInt8]) -> Bool {
      var (first, end) = (UInt32(0), UInt32(0))
      return bytes.withUnsafeBufferPointer {
        md_scan_start(scanner, $0.baseAddress, $0.count) == md_scan_ok
          && md_scan_value(scanner, &first, &end) == md_scan_ok
      }
    }

    /// The value as Lua writes it again; nil when it does not read it.
    func around(_ bytes: [UInt8]) throws -> [UInt8]? {
      // A buffer of exactly this size: nothing may be read behind it.
      let exact = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
      defer { exact.deallocate() }
      exact.copyBytes(from: bytes)
      let text = UnsafeRawBufferPointer(rebasing: exact[..<bytes.count])
      var written: [UInt8]?
      var refusal = ""
      let outcome = state.call(identity, [.json(text)]) { results in
        var writer = ByteWriter()
        do throws(LuaError) {
          try results[0].encodeJSON(name: "value", into: &writer)
          written = Array(writer.bytes)
        } catch {
          refusal = error.message
        }
      }
      if state.height != 0 { throw Fuzz.Wrong("the Lua stack is \(state.height) high") }
      if let error = outcome.error {
        guard error.code == .host, error.message.contains("is not JSON: ") else { throw Fuzz.Wrong("\(error)") }
        return nil
      }
      if written == nil { throw Fuzz.Wrong("it is read and cannot be written: \(refusal)") }
      return written
    }
  }

  @Test func `what the door takes is read, and what is written is read as the same`() throws {
    let bridge = try Bridge()
    var taken = 0
    try Fuzz.run("json", corpus: try Corpus.lines("json"), words: Self.words, rounds: 6000) { bytes, _ in
      let isTaken = bridge.isTaken(bytes)
      let once = try bridge.around(bytes)
      if isTaken, once == nil, !Self.isBeyondFloats(bytes) { throw Fuzz.Wrong("the door takes it and Lua does not") }
      if !isTaken, once != nil { throw Fuzz.Wrong("Lua reads what the door refuses") }
      guard let once else { return }
      taken += 1
      if !bridge.isTaken(once) { throw Fuzz.Wrong("Lua writes what is not JSON") }
      if try bridge.around(once) != once { throw Fuzz.Wrong("what Lua writes is read as something else") }
    }
    #expect(taken > 200, "hardly anything was JSON, so hardly anything was tried")
  }

  private static let words = [
    "null", "true", "false", "[", "]", "{", "}", ",", ":", "\"", "\\", "\\u0000", "\\ud83d", "\\udE00", "-0", "1e400",
    "-9223372036854775808", "9223372036854775808", "\u{FEFF}", "é", "😀", " ", "\t", "\"a\":", "[[[[[[[[", "]]]]]]]]",
  ]

  /// Whether some number may be larger than a float can be: the door keeps it as it is, a script cannot have it.
  private static func isBeyondFloats(_ bytes: [UInt8]) -> Bool {
    let text = String(decoding: bytes, as: UTF8.self)
    return text.split(whereSeparator: { !"+-.eE0123456789".contains($0) }).contains { Double($0)?.isInfinite ?? false }
  }
}
