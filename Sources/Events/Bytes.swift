internal import CBytes

/// The stable 64-bit hash of the log (XXH3-64), seeded with the low half of the log id so that outsiders cannot
/// prepare collisions. Hashes are only hints: whoever finds one compares the bytes.
@frozen
package struct StableHash: Sendable, Hashable {
  package let seed: UInt64

  package init(seed: UInt64) { self.seed = seed }

  package func callAsFunction(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    md_hash64(bytes.baseAddress, bytes.count, seed)
  }

  package func callAsFunction(_ text: String) -> UInt64 {
    var text = text
    return text.withUTF8 { self(UnsafeRawBufferPointer($0)) }
  }

  /// The hash of an outside identity. Never 0, which stands for "has none". `source` cannot contain a NUL, so the
  /// separator keeps ("a","bc") and ("ab","c") apart.
  package func identity(source: UnsafeRawBufferPointer, id: UnsafeRawBufferPointer) -> UInt64 {
    withUnsafeTemporaryAllocation(byteCount: source.count + id.count + 1, alignment: 1) { joined in
      joined.copyMemory(from: source)
      joined[source.count] = 0
      UnsafeMutableRawBufferPointer(rebasing: joined[(source.count + 1)...]).copyMemory(from: id)
      let hash = self(UnsafeRawBufferPointer(joined))
      return hash == 0 ? 1 : hash
    }
  }
}

/// CRC-32C (Castagnoli; RFC 3720, section 12.1), the checksum of commits.
package func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
  md_crc32c(seed, bytes.baseAddress, bytes.count)
}

/// The SHA-256 of script sources.
package struct ContentHash: Hashable, Sendable, CustomStringConvertible {
  /// 32 bytes.
  package let bytes: [UInt8]

  package init(of content: UnsafeRawBufferPointer) {
    bytes = [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      md_sha256(content.baseAddress, content.count, buffer.baseAddress!)
      count = 32
    }
  }

  package init(of content: [UInt8]) {
    self = content.withUnsafeBytes { ContentHash(of: $0) }
  }

  /// Nil when `bytes` is not 32 bytes long.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    self.bytes = bytes
  }

  /// Lower-case hexadecimal, 64 digits.
  package var description: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// The first twelve digits, for people.
  package var short: String { String(description.prefix(12)) }
}

extension UnsafeRawBufferPointer {
  /// The same bytes, compared as bytes (never as characters).
  @inlinable
  package func equals(_ other: UnsafeRawBufferPointer) -> Bool {
    count == other.count && (count == 0 || bytesEqual(baseAddress!, other.baseAddress!, count))
  }

  /// The text of these bytes; invalid UTF-8 is repaired, so use it for display and for bytes checked before.
  package var text: String { String(decoding: self, as: UTF8.self) }
}

extension StaticString {
  /// Its bytes, which live for ever.
  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}
