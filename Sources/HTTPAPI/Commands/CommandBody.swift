internal import Engine
internal import Events
internal import NIOCore
internal import Wire

/// The body of `POST /commands/{type}`: `{"to":S,"data":…,"id":…,"source":…}`.
struct CommandBody {
  static let names = ["to", "data", "id", "source"]

  private let members: BodyObject

  init(_ body: ByteBuffer) throws(Problem) { members = try BodyObject(body, names: Self.names) }

  /// The command as an entry of the log.
  func batch(_ type: [UInt8], hash: StableHash) throws(Problem) -> EntryBatch {
    let target = try members.text("to") ?? ""
    guard !target.isEmpty, NameRule.subject.allows(target) else {
      throw Problem(
        .badRequest,
        "to is the subject, 1 to \(NameRule.maximumSubjectBytes) bytes without control characters: {\"to\":\"account-1\"}."
      )
    }
    let (id, source) = (try members.text("id"), try members.text("source"))
    if id != nil, source == nil {
      throw Problem(.badRequest, "An id says something only together with its source: give both, or neither.")
    }
    for (name, value) in [("id", id), ("source", source)] {
      guard let value else { continue }
      var text = value
      if value.isEmpty || text.withUTF8({ NameRule.containsControl(UnsafeRawBufferPointer($0)) }) {
        throw Problem(.badRequest, "\(name) is text without control characters, and not empty.")
      }
    }
    let data = json
    let batch = EntryBatch(hash: hash, capacity: data.count + 256)
    type.withUnsafeBytes { type in
      Array(target.utf8).withUnsafeBytes { target in
        data.withUnsafeBytes { data in
          batch.begin(kind: .command, type: type, subject: target, data: data, encoding: .json)
        }
      }
    }
    finish(batch, id: id.map { Array($0.utf8) }, source: source.map { Array($0.utf8) })
    return batch
  }

  private func finish(_ batch: EntryBatch, id: [UInt8]?, source: [UInt8]?) {
    guard let source else { return batch.end() }
    source.withUnsafeBytes { source in
      batch.addAttribute(.source, source)
      guard let id else { return batch.end() }
      id.withUnsafeBytes { id in
        batch.addAttribute(.id, id)
        batch.end(identityHash: batch.hash.identity(source: source, id: id))
      }
    }
  }

  /// The data as they stand; `{}` when there are none.
  private var json: [UInt8] {
    switch members["data"] {
    case nil: Array("{}".utf8)
    case .object(let bytes), .array(let bytes): bytes
    case .string(let text): Self.quoted(text)
    case .number(let text): Array(text.utf8)
    case .boolean(let value): Array((value ? "true" : "false").utf8)
    case .null: Array("null".utf8)
    }
  }

  private static func quoted(_ text: String) -> [UInt8] {
    var writer = ByteWriter(capacity: text.utf8.count + 16)
    writer.appendJSON(string: text)
    return Array(writer.bytes)
  }
}
