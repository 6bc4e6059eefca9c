#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The files of this machine, through the system's calls.
package final class LocalFileSystem: FileSystem {
  package init() {}

  package func open(_ path: String, _ access: FileAccess) throws(FileError) -> any File {
    let flags: Int32 =
      switch access {
      case .read: O_RDONLY
      case .readWrite: O_RDWR
      case .create: O_RDWR | O_CREAT | O_EXCL
      case .replace: O_RDWR | O_CREAT | O_TRUNC
      }
    return LocalFile(path: path, descriptor: try Self.descriptor(path, flags, .open))
  }

  package func rename(_ path: String, to target: String) throws(FileError) {
    // Swift's overlay has no name for rename(2) that this method does not hide.
    if renameat(AT_FDCWD, path, AT_FDCWD, target) != 0 { throw FileError(.rename, path, errno: errno) }
  }

  package func remove(_ path: String) throws(FileError) {
    if unlink(path) != 0 { throw FileError(.remove, path, errno: errno) }
  }

  package func list(_ folder: String) throws(FileError) -> [String] {
    guard let stream = opendir(folder) else { throw FileError(.list, folder, errno: errno) }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw FileError(.list, folder, errno: errno) }
        return names
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
        String(cString: UnsafeRawPointer(field).assumingMemoryBound(to: CChar.self))
      }
      if name != "." && name != ".." { names.append(name) }
    }
  }

  @discardableResult
  package func makeFolder(_ path: String) throws(FileError) -> Bool {
    if mkdir(path, 0o755) == 0 { return true }
    let number = errno
    var status = stat()
    if number == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return false }
    throw FileError(.makeFolder, path, errno: number)
  }

  package func syncFolder(_ folder: String) throws(FileError) {
    let descriptor = try Self.descriptor(folder, O_RDONLY | O_DIRECTORY, .open)
    let failed = fsync(descriptor) != 0
    let number = errno
    _ = Platform.systemClose(descriptor)
    if failed { throw FileError(.syncFolder, folder, errno: number) }
  }

  package func lock(_ path: String) throws(FileError) -> LockOutcome {
    let descriptor = try Self.descriptor(path, O_RDWR | O_CREAT, .lock)
    if let number = Self.takeLock(descriptor) {
      let holder = Self.holder(descriptor)
      _ = Platform.systemClose(descriptor)
      guard number == EWOULDBLOCK else { throw FileError(.lock, path, errno: number) }
      return .held(holder)
    }
    // Who reads the lock file only wants a name to show, so a full disk is no reason to refuse the start.
    let text = Array("\(getpid())\n".utf8)
    if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
    return .locked(LocalFileLock(descriptor: descriptor))
  }

  /// The errno when the lock is not to be had. Whoever asks who holds it (`lockHolder`) holds it for that moment too, which
  /// must not turn a daemon away that starts just then: it looks again for a tenth of a second.
  private static func takeLock(_ descriptor: Int32) -> Int32? {
    var number: Int32 = 0
    for look in 0..<20 {
      if look > 0 { usleep(5000) }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return nil }
      number = errno
      guard number == EWOULDBLOCK || number == EINTR else { break }
    }
    return number
  }

  package func lockHolder(_ path: String) throws(FileError) -> LockHolder? {
    let descriptor: Int32
    do throws(FileError) {
      descriptor = try Self.descriptor(path, O_RDONLY, .lock)
    } catch {
      if error.isMissing { return nil }
      throw error
    }
    defer { _ = Platform.systemClose(descriptor) }
    if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
    let number = errno
    guard number == EWOULDBLOCK else { throw FileError(.lock, path, errno: number) }
    return Self.holder(descriptor)
  }

  private static func holder(_ descriptor: Int32) -> LockHolder {
    var text = [UInt8](repeating: 0, count: 32)
    let count = pread(descriptor, &text, text.count, 0)
    let digits = text.prefix(max(count, 0)).prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    return LockHolder(process: Int32(String(decoding: digits, as: UTF8.self)))
  }

  private static func descriptor(
    _ path: String, _ flags: Int32, _ operation: FileError.Operation
  ) throws(FileError) -> Int32 {
    while true {
      let descriptor = Platform.systemOpen(path, flags | O_CLOEXEC, 0o644)
      if descriptor >= 0 { return descriptor }
      if errno != EINTR { throw FileError(operation, path, errno: errno) }
    }
  }
}

// Inside the types below `open` and `close` mean their own methods.
private func systemOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 { open(path, flags, mode) }
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }

/// `@unchecked Sendable`: the descriptor is constant; `closed` is touched by the one owner that ends the file's use.
private final class LocalFile: File, @unchecked Sendable {
  let path: String
  private let descriptor: Int32
  private var closed = false

  init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { if !closed { _ = systemClose(descriptor) } }

  func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
    let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
    if count < 0 { throw FileError(.read, path, errno: errno, at: offset) }
    return count
  }

  func writeSome(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) -> Int {
    let count = pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset))
    if count < 0 { throw FileError(.write, path, errno: errno, at: offset) }
    return count
  }

  func syncData() throws(FileError) {
    #if canImport(Darwin)
      let failed = fcntl(descriptor, F_FULLFSYNC) != 0
    #else
      let failed = fdatasync(descriptor) != 0
    #endif
    if failed { throw FileError(.syncData, path, errno: errno) }
  }

  func sync() throws(FileError) {
    #if canImport(Darwin)
      let failed = fcntl(descriptor, F_FULLFSYNC) != 0
    #else
      let failed = fsync(descriptor) != 0
    #endif
    if failed { throw FileError(.sync, path, errno: errno) }
  }

  func truncate(to size: Int) throws(FileError) {
    while ftruncate(descriptor, off_t(size)) != 0 {
      if errno != EINTR { throw FileError(.truncate, path, errno: errno) }
    }
  }

  func size() throws(FileError) -> Int {
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw FileError(.size, path, errno: errno) }
    return Int(status.st_size)
  }

  func close() throws(FileError) {
    precondition(!closed, "a file is closed once: \(path)")
    closed = true
    if systemClose(descriptor) != 0 { throw FileError(.close, path, errno: errno) }
  }
}

/// `@unchecked Sendable`: its one owner releases it; the descriptor does not change.
private final class LocalFileLock: FileLock, @unchecked Sendable {
  private let descriptor: Int32
  private var released = false

  init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { release() }

  func release() {
    if released { return }
    released = true
    _ = systemClose(descriptor)
  }
}
