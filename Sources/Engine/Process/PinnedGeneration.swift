import Events
package import Scripts

/// An older generation that instances of processes still run on: its files, whose sources the log holds.
package struct PinnedGeneration: Equatable, Sendable {
  package var files: [DeployRecord.File]
  /// Which words exist for it, and how they behave.
  package var preludeLevel: UInt32

  package init(files: [DeployRecord.File], preludeLevel: UInt32) {
    (self.files, self.preludeLevel) = (files, preludeLevel)
  }

  /// The fields after the first, which is the generation's number.
  func encode(into writer: inout ByteWriter) {
    writer.field(2, preludeLevel)
    for file in files {
      writer.field(3) { writer in
        writer.field(1, file.path)
        writer.field(2, file.hash.bytes)
      }
    }
  }

  static func read(_ fields: FieldReader) -> (number: UInt32, generation: PinnedGeneration)? {
    var number: UInt32 = 0
    var generation = PinnedGeneration(files: [], preludeLevel: 0)
    for field in fields {
      switch field.tag {
      case 1: number = UInt32(truncatingIfNeeded: field.integer)
      case 2: generation.preludeLevel = UInt32(truncatingIfNeeded: field.integer)
      case 3:
        var path = ""
        var hash: ContentHash?
        for part in field.fields {
          if part.tag == 1 { path = part.text }
          if part.tag == 2 { hash = ContentHash(bytes: part.array) }
        }
        guard let hash, !path.isEmpty else { return nil }
        generation.files.append(DeployRecord.File(path: path, hash: hash, source: nil))
      default: return nil
      }
    }
    return number > 0 ? (number, generation) : nil
  }
}

extension ControlState {
  /// A deploy is about to replace the running generation: it is kept while instances run on it.
  mutating func pinRunning() {
    guard readers.contains(where: { $0.open.byGeneration[generation] != nil }) else { return }
    pinned[generation] = PinnedGeneration(files: files, preludeLevel: preludeLevel)
  }

  /// Instances of a reader have moved on or ended: generations that none runs on any more are not kept. `before`: those
  /// that they ran on until now.
  mutating func unpin(left before: [UInt32: Int], of reader: UInt32) {
    let now = self[reader: reader].open.byGeneration
    for old in before.keys where now[old] == nil && pinned[old] != nil {
      if !readers.contains(where: { $0.open.byGeneration[old] != nil }) { pinned[old] = nil }
    }
  }

  /// The files of a generation with their sources; nil when it is neither running nor pinned.
  package func sources(of number: UInt32) -> [SourceFile]? {
    let files = number == generation ? self.files : pinned[number]?.files
    guard let files else { return nil }
    var result: [SourceFile] = []
    for file in files {
      guard let source = sources[file.hash] else { return nil }
      result.append(SourceFile(path: file.path, bytes: source))
    }
    return result
  }
}
