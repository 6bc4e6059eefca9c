import Events
import LogStorage
package import Platform

/// Files that keep the states of subjects with many events, so that the next start need not fold all of them again
/// (docs/log-format.md, "Kept states"). They are hints: one that is missing, damaged, made by other code or of another
/// history of the log is passed over, and nothing of them is ever synced.
///
/// Any thread, several at once: each writes a file of its own and renames it.
package final class SubjectSnapshots: Sendable {
  /// A state is kept anew after so many of its events.
  package static let spacing = 1000
  static let version: UInt32 = 1
  private static let magic: [UInt8] = Array("MOONSUBJ".utf8)
  private static let headSize = 16
  private static let suffix = ".state"

  private let folder: String
  private let fileSystem: any FileSystem

  /// `folder`: it is made when it is first needed.
  package init(folder: String, fileSystem: any FileSystem) {
    self.folder = folder
    self.fileSystem = fileSystem
  }

  struct Name: Equatable {
    let aggregate: String
    let subject: KeyBytes

    /// Names the file, for good.
    func digits(_ hash: StableHash) -> String {
      let bytes = Array(aggregate.utf8) + [0] + subject.bytes
      let text = String(bytes.withUnsafeBytes { hash($0) }, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }
  }

  struct Kept {
    var json: [UInt8]
    var through: UInt64
  }

  /// The state that is kept of a subject, when it is of this code and of this log and holds no event after `through`.
  func newest(_ name: Name, code: ContentHash, _ log: LogReader, through: UInt64) -> Kept? {
    guard let bytes = read(path(of: name, log)) else { return nil }
    return bytes.withUnsafeBytes { bytes in
      Self.fields(of: bytes).flatMap { kept($0, name, code, log, through: through) }
    }
  }

  private func kept(
    _ fields: FieldReader, _ name: Name, _ code: ContentHash, _ log: LogReader, through: UInt64
  ) -> Kept? {
    var kept = Kept(json: [], through: 0)
    var (commit, agrees, chain) = (UInt64(0), 0, CommitChain.start)
    for field in fields {
      switch field.tag {
      case 1: if field.integer == log.identity.id.low { agrees += 1 }
      case 2: if field.integer == log.identity.id.high { agrees += 1 }
      case 3: if field.text == name.aggregate { agrees += 1 }
      case 4: if field.array == name.subject.bytes { agrees += 1 }
      case 5: if field.array == code.bytes { agrees += 1 }
      case 6: kept.through = field.integer
      case 7: commit = field.integer
      case 8: chain.headerCRC = UInt32(truncatingIfNeeded: field.integer)
      case 9: chain.bodyCRC = UInt32(truncatingIfNeeded: field.integer)
      case 10: kept.json = field.array
      default: break
      }
    }
    guard agrees == 5, kept.through <= through, !kept.json.isEmpty, commit <= log.lastCommit,
      (try? log.chain(ofCommit: commit)) == chain
    else { return nil }
    return kept
  }

  /// Keeps a state that holds every event of the subject up to `through`. `commit` is durable and not before it.
  func keep(_ name: Name, code: ContentHash, _ log: LogReader, json: [UInt8], through: UInt64, commit: UInt64) {
    guard let chain = try? log.chain(ofCommit: commit) else { return }
    var writer = ByteWriter(capacity: json.count + 512)
    writer.append(Self.magic)
    writer.append(Self.version)
    writer.append(UInt32(0))
    writer.field(1, log.identity.id.low)
    writer.field(2, log.identity.id.high)
    writer.field(3, name.aggregate)
    writer.field(4, name.subject.bytes)
    writer.field(5, code.bytes)
    writer.field(6, through)
    writer.field(7, commit)
    writer.field(8, chain.headerCRC)
    writer.field(9, chain.bodyCRC)
    writer.field(10, json)
    writer.patch(crc32c(UnsafeRawBufferPointer(rebasing: writer.bytes[Self.headSize...])), at: 12)
    write(writer.bytes, to: path(of: name, log))
  }

  /// As `keep`, of a state that the engine gives away. Blocks on the disk.
  func keep(_ state: KeptSubject, _ log: LogReader) {
    keep(
      Name(aggregate: state.aggregate, subject: state.key), code: state.code, log, json: state.json,
      through: state.through, commit: state.commit)
  }

  /// Removes the files of aggregates other than these, and those that are damaged: none of them will be read again. How
  /// many there were. Files of other kinds stay. Blocks on the disk.
  @discardableResult
  package func removeAll(butOf aggregates: Set<String>) -> Int {
    let names = (try? fileSystem.list(folder)) ?? []
    var removed = 0
    for name in names where name.hasSuffix(Self.suffix) {
      let path = "\(folder)/\(name)"
      if let owner = owner(ofFile: path), aggregates.contains(where: { $0.utf8.elementsEqual(owner.utf8) }) { continue }
      if (try? fileSystem.remove(path)) != nil { removed += 1 }
    }
    return removed
  }

  private func owner(ofFile path: String) -> String? {
    guard let bytes = read(path) else { return nil }
    return bytes.withUnsafeBytes { bytes in
      guard let fields = Self.fields(of: bytes) else { return nil }
      for field in fields where field.tag == 3 { return field.text }
      return nil
    }
  }

  /// Nil when the file is not whole.
  private static func fields(of bytes: UnsafeRawBufferPointer) -> FieldReader? {
    guard bytes.count > headSize, let base = bytes.baseAddress, bytes.starts(with: magic),
      base.integer(UInt32.self, at: 8) == version
    else { return nil }
    let fields = UnsafeRawBufferPointer(rebasing: bytes[headSize...])
    guard crc32c(fields) == base.integer(UInt32.self, at: 12), FieldReader.isValid(fields) else { return nil }
    return FieldReader(fields)
  }

  private func path(of name: Name, _ log: LogReader) -> String {
    "\(folder)/\(name.digits(log.identity.hash))\(Self.suffix)"
  }

  private func read(_ path: String) -> [UInt8]? {
    do throws(FileError) {
      let file = try fileSystem.open(path, .read)
      var bytes = [UInt8](repeating: 0, count: try file.size())
      let count = try bytes.withUnsafeMutableBytes { buffer in
        Result { () throws(FileError) in try file.read(into: buffer, at: 0) }
      }.get()
      return count == bytes.count ? bytes : nil
    } catch {
      return nil
    }
  }

  /// An error leaves the file of before, or none: both are good.
  private func write(_ bytes: UnsafeRawBufferPointer, to path: String) {
    let temporary = path + ".new"
    do throws(FileError) {
      try fileSystem.makeFolder(folder)
      let file = try fileSystem.open(temporary, .replace)
      try file.write(bytes, at: 0)
      try file.close()
      try fileSystem.rename(temporary, to: path)
    } catch {
      try? fileSystem.remove(temporary)
    }
  }
}
