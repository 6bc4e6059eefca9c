/// What the engine needs to know of an encoded entry without decoding it again.
@frozen
package struct EntryInfo: Sendable {
  /// Where the entry begins in the bytes it came with.
  package var offset: UInt32
  package var length: UInt32
  package var typeHash: UInt64
  package var subjectHash: UInt64
  /// Of (source, id) when it came with an identity from outside, else 0: such an entry is deduplicated.
  package var identityHash: UInt64

  @inlinable
  package init(offset: UInt32, length: UInt32, typeHash: UInt64, subjectHash: UInt64, identityHash: UInt64) {
    self.offset = offset
    self.length = length
    self.typeHash = typeHash
    self.subjectHash = subjectHash
    self.identityHash = identityHash
  }
}

/// Encoded entries on their way into the log: position-free record bytes and what is known of each.
///
/// `@unchecked Sendable`: one thread builds it and then hands it over; nobody changes it afterwards.
package final class EntryBatch: @unchecked Sendable {
  package var bytes: ByteWriter
  package var infos: [EntryInfo] = []
  package let hash: StableHash

  package init(hash: StableHash, capacity: Int = 1024) {
    self.hash = hash
    bytes = ByteWriter(capacity: capacity)
  }

  package var count: Int { infos.count }

  /// Whether two entries have the same identity from outside, or at least the same hash of it. By sorting, since there is
  /// hardly ever one, and a set of a thousand hashes costs five times as much.
  package var hasRepeatedIdentity: Bool {
    guard count > 1 else { return false }
    var hashes = infos.compactMap { $0.identityHash == 0 ? nil : $0.identityHash }
    hashes.sort()
    return zip(hashes, hashes.dropFirst()).contains { $0 == $1 }
  }

  package func entry(_ index: Int) -> EntryView { EntryView(bytes.bytes.baseAddress! + Int(infos[index].offset)) }

  /// Encodes the fixed part, type, subject and data of an entry. Call `addAttribute` for each attribute, then `end`.
  package func begin(
    kind: RecordKind, type: UnsafeRawBufferPointer, subject: UnsafeRawBufferPointer,
    data: UnsafeRawBufferPointer, encoding: DataEncoding,
    cause: UInt64 = 0, root: UInt64 = 0, depth: UInt16 = 0, contractVersion: UInt16 = 0
  ) {
    precondition(type.count <= 255 && subject.count <= 65535, "names are checked before they are encoded")
    let start = bytes.count
    let length = EntryView.headerSize + type.count + subject.count + data.count
    // One look at the buffer and plain stores: this runs for every entry, at the door and for every effect.
    let at = bytes.extend(by: length)
    at.store(UInt32(kind.rawValue) | UInt32(depth) << 16, at: 0)
    at.store(UInt32(length), at: 4)
    at.store(cause, at: 8)
    at.store(root, at: 16)
    at.store(UInt64(data.count), at: 24)
    at.store(UInt32(subject.count) | UInt32(contractVersion) << 16, at: 32)
    at.store(UInt32(type.count) | UInt32(encoding.rawValue) << 8, at: 36)
    var content = at + EntryView.headerSize
    content.append(type)
    content.append(subject)
    content.append(data)
    infos.append(
      EntryInfo(
        offset: UInt32(start), length: UInt32(length),
        typeHash: hash(type), subjectHash: hash(subject), identityHash: 0))
  }

  /// A whole entry with JSON data and no attributes, from copies of texts: where speed does not count.
  package func add(_ type: String, _ subject: String, json data: some Collection<UInt8>, kind: RecordKind = .event) {
    Array(type.utf8).withUnsafeBytes { type in
      Array(subject.utf8).withUnsafeBytes { subject in
        Array(data).withUnsafeBytes { data in
          begin(kind: kind, type: type, subject: subject, data: data, encoding: .json)
        }
      }
    }
    end()
  }

  package func addAttribute(_ name: AttributeName, _ value: UnsafeRawBufferPointer, as type: AttributeType = .string) {
    bytes.append(name.rawValue)
    addValue(value, as: type)
  }

  /// An extension attribute; its name is at most 255 bytes.
  package func addAttribute(
    named name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, as type: AttributeType = .string
  ) {
    bytes.append(UInt8(0))
    bytes.append(UInt8(name.count))
    bytes.append(name)
    addValue(value, as: type)
  }

  private func addValue(_ value: UnsafeRawBufferPointer, as type: AttributeType) {
    bytes.append(type.rawValue)
    bytes.append(UInt32(value.count))
    bytes.append(value)
  }

  /// Closes the entry. `identityHash` is `hash.identity(source:id:)` for an entry with an identity from outside.
  package func end(identityHash: UInt64 = 0) {
    let last = infos.count - 1
    var info = infos[last]
    let start = Int(info.offset)
    let length = bytes.count - start
    if length != Int(info.length) {
      bytes.patch(UInt32(length), at: start + 4)
      bytes.patch(UInt32(length) - info.length, at: start + 28)
      info.length = UInt32(length)
    } else if identityHash == 0 {
      return
    }
    info.identityHash = identityHash
    infos[last] = info
  }

  /// Notes the version of the contract that an entry was checked against.
  package func setContractVersion(_ version: UInt16, ofEntry index: Int) {
    bytes.patch(version, at: Int(infos[index].offset) + 34)
  }

  /// A mark to go back to: what was encoded after it is forgotten.
  package var mark: (bytes: Int, entries: Int) { (bytes.count, infos.count) }

  package func truncate(to mark: (bytes: Int, entries: Int)) {
    bytes.truncate(to: mark.bytes)
    infos.removeLast(infos.count - mark.entries)
  }
}
