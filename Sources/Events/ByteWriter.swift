/// A growing run of raw bytes, little-endian: what records, commits and responses are encoded into.
///
/// `bytes` is valid until the next mutation.
package struct ByteWriter: ~Copyable {
  @usableFromInline var base: UnsafeMutableRawPointer
  @usableFromInline var capacity: Int
  @usableFromInline var length: Int = 0

  package init(capacity: Int = 256) {
    self.capacity = max(capacity, 16)
    base = .allocate(byteCount: self.capacity, alignment: 16)
  }

  deinit { base.deallocate() }

  @inlinable package var count: Int { length }
  @inlinable package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: length) }

  /// Room for `extra` more bytes; the pointer to where they go.
  @inlinable
  package mutating func reserve(_ extra: Int) -> UnsafeMutableRawPointer {
    if length + extra > capacity { grow(length + extra) }
    return base + length
  }

  /// `count` more bytes, to be written by the caller.
  @inlinable
  package mutating func extend(by count: Int) -> UnsafeMutableRawPointer {
    let place = reserve(count)
    length += count
    return place
  }

  @usableFromInline
  mutating func grow(_ needed: Int) {
    capacity = max(capacity * 2, needed)
    let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    larger.copyMemory(from: base, byteCount: length)
    base.deallocate()
    base = larger
  }

  @inlinable
  package mutating func append<Value: FixedWidthInteger>(_ value: Value) {
    reserve(MemoryLayout<Value>.size).storeBytes(of: value.littleEndian, as: Value.self)
    length += MemoryLayout<Value>.size
  }

  @inlinable
  package mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    reserve(bytes.count).copyMemory(from: source, byteCount: bytes.count)
    length += bytes.count
  }

  package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

  package mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  package mutating func append(_ text: StaticString) {
    append(text.bytes)
  }

  /// Counts bytes in that were written where `reserve` pointed.
  @inlinable
  package mutating func advance(_ count: Int) {
    precondition(count >= 0 && length + count <= capacity, "more bytes than were reserved")
    length += count
  }

  /// Overwrites an integer written before.
  @inlinable
  package mutating func patch<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
    precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= length, "a patch lies outside the written bytes")
    (base + offset).storeBytes(of: value.littleEndian, as: Value.self)
  }

  /// Back to a mark: everything after the first `count` bytes is forgotten.
  @inlinable
  package mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= length, "a mark lies outside the written bytes")
    length = count
  }
}

extension UnsafeMutableRawPointer {
  /// A little-endian integer at `offset`, at any alignment. The caller has made room.
  @inlinable
  func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
  }

  /// Copies bytes here and moves behind them. The caller has made room.
  @inlinable
  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    copyMemory(from: source, byteCount: bytes.count)
    self += bytes.count
  }
}

extension UnsafeRawPointer {
  /// A little-endian integer at `offset`, at any alignment. The caller has checked the bounds.
  @inlinable
  package func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
    Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
  }
}
