/// The bytes of a file: as they are, as they are on the disk, and how one became the other.
///
/// `@unchecked Sendable`: used under the lock of its file system only.
final class Node: @unchecked Sendable {
  enum Change {
    case write(offset: Int, bytes: [UInt8])
    case truncate(Int)
  }

  private(set) var content: [UInt8]
  private var durable: [UInt8]
  private var changes: [Change] = []

  init(content: [UInt8]) {
    self.content = content
    durable = content
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    let change = Change.write(offset: offset, bytes: Array(bytes))
    Self.apply(change, to: &content)
    changes.append(change)
  }

  func truncate(to size: Int) {
    Self.apply(.truncate(size), to: &content)
    changes.append(.truncate(size))
  }

  func sync() {
    durable = content
    changes = []
  }

  func copy() -> Node {
    let copy = Node(content: content)
    copy.durable = durable
    copy.changes = changes
    return copy
  }

  func crash(_ chooser: inout LossChooser) {
    var left = durable
    let size = content.count
    for change in changes {
      switch change {
      case .truncate: if chooser.keeps() { Self.apply(change, to: &left) }
      case .write(let offset, let bytes):
        var at = 0
        while at < bytes.count {
          let sector = MemoryFileSystem.sectorBytes - (offset + at) % MemoryFileSystem.sectorBytes
          let end = min(at + sector, bytes.count)
          if chooser.keeps() { Self.apply(.write(offset: offset + at, bytes: Array(bytes[at..<end])), to: &left) }
          at = end
        }
      }
    }
    // The size of a file may reach the disk before its content does.
    if left.count < size && !changes.isEmpty && chooser.keeps() { Self.apply(.truncate(size), to: &left) }
    content = left
    durable = left
    changes = []
  }

  private static func apply(_ change: Change, to content: inout [UInt8]) {
    switch change {
    case .truncate(let size):
      if size < content.count {
        content.removeLast(content.count - size)
      } else {
        content += [UInt8](repeating: 0, count: size - content.count)
      }
    case .write(let offset, let bytes):
      let end = offset + bytes.count
      if content.count < end { content += [UInt8](repeating: 0, count: end - content.count) }
      content.withUnsafeMutableBytes {
        UnsafeMutableRawBufferPointer(rebasing: $0[offset..<end]).copyBytes(from: bytes)
      }
    }
  }
}

/// The names in a folder, as they are and as they are on the disk.
struct Folder: Sendable {
  enum Change: Sendable {
    case link(String, Node)
    case unlink(String)
    case rename(String, String)
  }

  var entries: [String: Node] = [:]
  var durable: [String: Node] = [:]
  var isDurable = true
  private var changes: [Change] = []

  mutating func change(_ change: Change) {
    Self.apply(change, to: &entries)
    changes.append(change)
  }

  mutating func sync() {
    durable = entries
    changes = []
  }

  func copy() -> Folder {
    var nodes: [ObjectIdentifier: Node] = [:]
    func copy(_ node: Node) -> Node {
      if let done = nodes[ObjectIdentifier(node)] { return done }
      let new = node.copy()
      nodes[ObjectIdentifier(node)] = new
      return new
    }
    var folder = self
    folder.entries = entries.mapValues(copy)
    folder.durable = durable.mapValues(copy)
    folder.changes = changes.map { change in
      if case .link(let name, let node) = change { .link(name, copy(node)) } else { change }
    }
    return folder
  }

  /// Names change in order, as in a journalling file system: some first of the changes survive.
  mutating func crash(_ chooser: inout LossChooser) {
    var left = durable
    for change in changes.prefix(chooser.prefix(of: changes.count)) { Self.apply(change, to: &left) }
    entries = left
    durable = left
    changes = []
    for name in left.keys.sorted() { left[name]!.crash(&chooser) }
  }

  private static func apply(_ change: Change, to entries: inout [String: Node]) {
    switch change {
    case .link(let name, let node): entries[name] = node
    case .unlink(let name): entries[name] = nil
    case .rename(let from, let to): entries[to] = entries.removeValue(forKey: from) ?? entries[to]
    }
  }
}

/// Decides what survives a crash.
struct LossChooser {
  private var loss: MemoryFileSystem.Loss

  init(_ loss: MemoryFileSystem.Loss) { self.loss = loss }

  mutating func keeps() -> Bool {
    switch loss {
    case .nothing: return true
    case .everything: return false
    case .some(var seed):
      defer { loss = .some(seed) }
      return seed.oneIn(2)
    }
  }

  mutating func prefix(of count: Int) -> Int {
    switch loss {
    case .nothing: return count
    case .everything: return 0
    case .some(var seed):
      defer { loss = .some(seed) }
      return seed.below(count + 1)
    }
  }
}
