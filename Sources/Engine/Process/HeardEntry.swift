import Events
import LogStorage

/// An entry that a process hears, with what keeps it in memory.
struct HeardEntry {
  let view: EntryView
  let position: UInt64
  /// Commit time, µs.
  let recorded: Int64
  private let owner: AnyObject?

  /// In a chunk that holds the position.
  init(_ chunk: LogChunk, _ position: UInt64) {
    view = chunk.entry(Position(position))
    recorded = chunk.commit(of: Position(position)).time
    (self.position, owner) = (position, chunk)
  }

  /// Kept in memory by the caller.
  init(_ view: EntryView, _ position: UInt64, recorded: Int64) {
    (self.view, self.position, self.recorded, owner) = (view, position, recorded, nil)
  }

  private init(_ batch: EntryBatch, _ position: UInt64, recorded: Int64) {
    (view, self.position, self.recorded, owner) = (batch.entry(0), position, recorded, batch)
  }

  /// In memory of its own, with other data when `data` is given.
  func copy(hash: StableHash, data: [UInt8]? = nil) -> HeardEntry {
    let batch = EntryBatch(hash: hash, capacity: view.length + (data?.count ?? 0))
    func begin(_ data: UnsafeRawBufferPointer, _ encoding: DataEncoding) {
      batch.begin(
        kind: .event, type: view.type, subject: view.subject, data: data, encoding: encoding, cause: view.cause,
        root: view.root, depth: view.depth, contractVersion: view.contractVersion)
    }
    if let data { data.withUnsafeBytes { begin($0, .json) } } else { begin(view.data, view.dataEncoding) }
    for attribute in view.attributes {
      if let known = attribute.known {
        batch.addAttribute(known, attribute.value, as: attribute.valueType)
      } else {
        batch.addAttribute(named: attribute.name, attribute.value, as: attribute.valueType)
      }
    }
    batch.end()
    return HeardEntry(batch, position, recorded: recorded)
  }
}
