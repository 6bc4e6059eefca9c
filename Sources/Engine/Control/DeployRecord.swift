package import Events

/// A generation of scripts went live (record kind `deploy`). Each source is stored once per content hash.
package struct DeployRecord: Equatable, Sendable {
  package struct File: Equatable, Sendable {
    package var path: String
    package var hash: ContentHash
    /// Nil when an earlier deploy stored this content.
    package var source: [UInt8]?

    package init(path: String, hash: ContentHash, source: [UInt8]?) {
      (self.path, self.hash, self.source) = (path, hash, source)
    }
  }

  package var generation: UInt32
  package var files: [File]
  package var preludeLevel: UInt32
  package var luaVersion: String

  package init(generation: UInt32, files: [File], preludeLevel: UInt32, luaVersion: String) {
    self.generation = generation
    self.files = files
    self.preludeLevel = preludeLevel
    self.luaVersion = luaVersion
  }

  package func encode(into writer: inout ByteWriter) {
    writer.record(.deploy) { writer in
      writer.field(1, generation)
      for file in files {
        writer.field(2) { writer in
          writer.field(1, file.path)
          writer.field(2, file.hash.bytes)
          if let source = file.source { writer.field(3, source) }
        }
      }
      writer.field(3, preludeLevel)
      writer.field(4, luaVersion)
    }
  }

  /// From the fields of a record; nil when they are not what `encode` writes.
  package init?(_ fields: FieldReader) {
    self.init(generation: 0, files: [], preludeLevel: 0, luaVersion: "")
    for field in fields {
      switch field.tag {
      case 1: generation = UInt32(truncatingIfNeeded: field.integer)
      case 2:
        var path = ""
        var hash: ContentHash?
        var source: [UInt8]?
        for part in field.fields {
          switch part.tag {
          case 1: path = part.text
          case 2: hash = ContentHash(bytes: part.array)
          case 3: source = part.array
          default: break
          }
        }
        guard let hash, !path.isEmpty else { return nil }
        // Another file with this hash would get this source.
        if let source, ContentHash(of: source) != hash { return nil }
        files.append(File(path: path, hash: hash, source: source))
      case 3: preludeLevel = UInt32(truncatingIfNeeded: field.integer)
      case 4: luaVersion = field.text
      default: break
      }
    }
    guard generation > 0 else { return nil }
  }
}
