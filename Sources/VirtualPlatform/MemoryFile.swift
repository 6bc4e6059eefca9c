internal import Glibc
internal import Platform
internal import Synchronization

/// An open file of a `MemoryFileSystem`.
final class MemoryFile: File {
  let path: String
  private let owner: MemoryFileSystem
  private let node: Node
  private let boot: Int
  private let closed = Atomic<Bool>(false)

  init(_ owner: MemoryFileSystem, _ path: String, _ node: Node, boot: Int) {
    self.owner = owner
    self.path = path
    self.node = node
    self.boot = boot
  }

  private func admit(
    _ state: inout MemoryFileSystem.State, _ operation: FileError.Operation, offset: Int = 0, count: Int = 0
  ) throws(FileError) -> MemoryFileSystem.Fault? {
    precondition(!closed.load(ordering: .relaxed), "\(operation.rawValue) of a closed file: \(path)")
    // A process that did not notice the crash cannot reach the disk any more.
    if state.boot != boot { throw FileError(operation, path, errno: MemoryFileSystem.crashed) }
    return try MemoryFileSystem.admit(&state, operation, path, offset: offset, count: count)
  }

  func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
    try owner.call { state throws(FileError) in
      let fault = try admit(&state, .read, offset: offset, count: buffer.count)
      var count = max(min(buffer.count, node.content.count - offset), 0)
      if case .short(let most) = fault { count = min(count, most) }
      node.content.withUnsafeBytes { content in
        if count > 0 { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: content[offset..<(offset + count)])) }
      }
      return count
    }
  }

  func writeSome(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) -> Int {
    try owner.call { state throws(FileError) in
      switch try admit(&state, .write, offset: offset, count: bytes.count) {
      case .short(let most):
        let part = UnsafeRawBufferPointer(rebasing: bytes.prefix(max(most, 1)))
        node.write(part, at: offset)
        return part.count
      case .failAfter(let most, let number):
        if most > 0 { node.write(UnsafeRawBufferPointer(rebasing: bytes.prefix(most)), at: offset) }
        throw FileError(.write, path, errno: number, at: offset)
      default:
        node.write(bytes, at: offset)
        return bytes.count
      }
    }
  }

  func syncData() throws(FileError) { try sync(.syncData) }
  func sync() throws(FileError) { try sync(.sync) }

  private func sync(_ operation: FileError.Operation) throws(FileError) {
    try owner.call { state throws(FileError) in
      if try admit(&state, operation) != .ignore { node.sync() }
    }
  }

  func truncate(to size: Int) throws(FileError) {
    try owner.call { state throws(FileError) in
      _ = try admit(&state, .truncate, offset: size)
      node.truncate(to: size)
    }
  }

  func size() throws(FileError) -> Int {
    try owner.call { state throws(FileError) in
      _ = try admit(&state, .size)
      return node.content.count
    }
  }

  func close() throws(FileError) {
    try owner.call { state throws(FileError) in _ = try admit(&state, .close) }
    closed.store(true, ordering: .relaxed)
  }
}
