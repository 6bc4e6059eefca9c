import Events
import LogStorage

extension LogReader {
  /// Calls `body` with every instance record that a reader has in a commit, and its place; the rest of it is not decoded
  /// yet. Blocks on the disk.
  func forEachInstance(
    inCommit number: UInt64, of reader: UInt32, _ body: (InstancePlace, FieldReader) -> Void
  ) throws {
    try replay(fromCommit: number) { commit in
      guard commit.number == number else { return false }
      for record in commit.records where record.kind == .instance {
        let fields = FieldReader(record: record.whole)
        if let place = InstanceRecord.place(fields, of: reader, commit: number) { body(place, fields) }
      }
      return false
    }
  }
}

extension InstanceRecord {
  /// Where a record is, without decoding the rest of it; nil: it is another reader's.
  fileprivate static func place(_ fields: FieldReader, of reader: UInt32, commit: UInt64) -> InstancePlace? {
    var (keyHash, twin) = (UInt64(0), UInt8(0))
    for field in fields {
      switch field.tag {
      case 1: if field.integer != UInt64(reader) { return nil }
      case 3: keyHash = field.integer
      case 10: twin = UInt8(truncatingIfNeeded: field.integer)
      default: break
      }
    }
    return InstancePlace(keyHash: keyHash, commit: commit, twin: twin)
  }
}
