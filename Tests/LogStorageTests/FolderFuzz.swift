import Events
import LogStorage
import Platform
import TestKit
import Testing

/// A whole data folder with one file damaged: sealed segment, active segment, index, witness or snapshot.
@Suite struct FolderFuzz {
  /// Two sealed segments with their indexes, an active one, a witness and two snapshots.
  private static func folder() throws -> (MemoryFileSystem, [Seen]) {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    test.options.segmentBytes = 4096
    try test.open()
    for round in 0..<12 {
      let batch = EntryBatch(hash: test.log.hash)
      for index in 0..<8 {
        batch.add(subject: "s\(index)", data: "[\(round)]", id: index % 2 == 0 ? "\(round).\(index)" : nil)
      }
      try test.append(batch)
      test.sync()
      if round % 5 == 4 {
        try Array("state".utf8).withUnsafeBytes {
          try test.log.snapshots.save(test.log.journal.durable, version: 1, payload: $0)
        }
      }
    }
    let entries = try test.entries()
    try test.log.close()
    return (files, entries)
  }

  /// An input is a file of the folder by its number, then its content.
  private static func inputs(_ files: MemoryFileSystem) throws -> (paths: [String], corpus: [[UInt8]]) {
    var paths = ["data/witness"]
    for folder in ["data/log", "data/snapshots"] { paths += try files.list(folder).sorted().map { "\(folder)/\($0)" } }
    return (paths, paths.enumerated().map { [UInt8($0.offset)] + files.contents($0.element)! })
  }

  private static func isDerived(_ path: String) -> Bool { !path.hasSuffix(".seg") }

  @Test func `a damaged file is built anew, refused or found out, and never read as something else`() throws {
    let (files, entries) = try Self.folder()
    let (paths, corpus) = try Self.inputs(files)
    try Fuzz.run("folder", corpus: corpus, rounds: 1200) { bytes, _ in
      guard let number = bytes.first, paths.indices.contains(Int(number)) else { return }
      let path = paths[Int(number)]
      let copy = files.copy()
      copy.put(Array(bytes.dropFirst()), at: path)
      guard let seen = try Self.use(copy) else {
        if Self.isDerived(path) { throw Fuzz.Wrong("\(path) is damaged, and the log is refused") }
        return
      }
      // The tail of the active segment may be torn; its witness says when that is too much.
      if seen != entries {
        throw Fuzz.Wrong("\(path) is damaged, and \(seen.count) of \(entries.count) entries are read")
      }
    }
  }

  @Test func `a file that says nonsense under good checksums does no harm`() throws {
    let (files, _) = try Self.folder()
    let (paths, corpus) = try Self.inputs(files)
    try Fuzz.run("resealed-folder", corpus: corpus, rounds: 1500) { mutator, bytes in
      guard let number = bytes.first, paths.indices.contains(Int(number)) else { return }
      var content = Array(bytes.dropFirst())
      switch paths[Int(number)] {
      case let path where path.hasSuffix(".seg"): Reseal.segment(&content, chaining: mutator.seed.oneIn(2))
      case let path where path.hasSuffix(".idx"): Reseal.index(&content)
      case let path where path.hasSuffix(".snap"): Reseal.snapshot(&content)
      default: Reseal.witness(&content)
      }
      bytes = [number] + content
    } body: { bytes, _ in
      guard let number = bytes.first, paths.indices.contains(Int(number)) else { return }
      let copy = files.copy()
      copy.put(Array(bytes.dropFirst()), at: paths[Int(number)])
      _ = try Self.use(copy)
    }
  }

  /// Opens the log and reads it in every way. Nil when that is refused somewhere.
  private static func use(_ files: MemoryFileSystem) throws -> [Seen]? {
    _ = try refusable { try LogVerifier.verify(folder: "data", fileSystem: files) }
    let test = TestLog(files: files)
    test.options.segmentBytes = 4096
    guard try refusable({ try test.open() }) != nil else { return nil }
    let seen = try refusable { () throws -> [Seen] in
      let seen = try test.entries()
      let through = test.log.reader.lastPosition
      for subject in ["s0", "s5", "none"] {
        let found = try subject.withBytes {
          try test.log.reader.positions(ofSubject: $0, from: Position(1), through: through)
        }
        let expected = seen.filter { $0.subject == subject }.map(\.position)
        if found.map(\.rawValue).filter({ !expected.contains($0) }) != [] { throw Fuzz.Wrong("\(subject) at \(found)") }
      }
      for position in stride(from: UInt64(1), through: through.rawValue, by: 7) {
        let chunk = try test.log.reader.chunk(from: Position(position), limitBytes: 500, through: through)
        if chunk?.contains(Position(position)) != true { throw Fuzz.Wrong("no chunk holds position \(position)") }
      }
      _ = try "3.2".withBytes { id in
        try "shop".withBytes {
          try test.log.reader.find(source: $0, id: id, hash: test.log.hash.identity(source: $0, id: id))
        }
      }
      _ = try test.log.reader.prefix(until: 0)
      _ = try test.log.snapshots.newest(knownVersion: 1)
      return seen
    }
    guard let seen else {
      _ = try refusable { try test.log.close() }
      return nil
    }
    try test.append(test.batch(1, subject: "after"))
    test.sync()
    if try test.entries().dropLast() != seen[...] { throw Fuzz.Wrong("one append changed the entries before it") }
    try test.log.close()
    return seen
  }
}
