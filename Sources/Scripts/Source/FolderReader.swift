#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Reads the handlers folder: the scripts in it and the modules in `lib/`, at any depth there. Other subfolders are
/// not read. Links to files and to `lib` are followed, as deployments by link need; what is not a regular file is an
/// error that never blocks, whatever it is.
package struct FolderReader: Sendable {
  /// The folder's path.
  package let folder: String
  /// Whether it reads the tests of the scripts instead: files whose names end in `_test.lua`.
  private let readsTests: Bool

  /// More files than this are refused: a folder of that size was given by mistake.
  package static let maximumFiles = 2000
  /// How deep folders may lie in each other below `lib`.
  package static let maximumDepth = 8

  package init(folder: String, readsTests: Bool = false) {
    self.folder = folder
    self.readsTests = readsTests
  }

  package struct Reading: Sendable {
    /// Sorted by the bytes of their paths.
    package var files: [SourceFile] = []
    package var errors: [LoadError] = []
    package var warnings: [String] = []
  }

  package func read() -> Reading {
    var reading = Reading()
    guard let names = entries(of: folder) else {
      let reason = errno == ENOENT ? "there is no such folder" : systemMessage(errno)
      reading.errors.append(
        LoadError(file: folder, what: "cannot read the folder of the scripts: \(reason)", hint: "mkdir \(folder)"))
      return reading
    }
    for name in names {
      visit(name, path: name, isModule: false, depth: 0, &reading)
    }
    reading.files.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    return reading
  }

  private func visit(_ name: [UInt8], path: [UInt8], isModule: Bool, depth: Int, _ reading: inout Reading) {
    guard name.first != UInt8(ascii: "."), name.first != UInt8(ascii: "_") else { return }
    guard let name = readableText(name), let path = readableText(path) else {
      if name.suffix(4).elementsEqual(".lua".utf8) {
        let shown = String(decoding: path.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
        reading.errors.append(LoadError(file: shown, what: "the file's name is not UTF-8 without control characters"))
      }
      return
    }
    var status = stat()
    guard stat("\(folder)/\(path)", &status) == 0 else {
      explainMissing(path, name: name, error: errno, &reading)
      return
    }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    if isFolder, isModule || path == SourceFile.moduleFolder, !name.hasSuffix(".lua") {
      visitFolder(path, depth: depth + 1, &reading)
    } else if readsTests ? SourceFile.isTest(name: name) : SourceFile.isLoaded(name: name) {
      guard reading.files.count < Self.maximumFiles else {
        let what = "more than \(Self.maximumFiles) files: is \(folder) the folder of the scripts?"
        if reading.errors.last?.what != what { reading.errors.append(LoadError(file: path, what: what)) }
        return
      }
      switch readFile(path, status: status) {
      case .success(let file?): reading.files.append(file)
      case .success(nil): break
      case .failure(let error): reading.errors.append(error)
      }
    } else if isFolder {
      warnOfFolder(path, &reading)
    }
  }

  private func visitFolder(_ path: String, depth: Int, _ reading: inout Reading) {
    guard depth <= Self.maximumDepth else {
      reading.errors.append(
        LoadError(file: path, what: "folders lie more than \(Self.maximumDepth) deep, or in a loop"))
      return
    }
    guard let names = entries(of: "\(folder)/\(path)") else {
      if errno != ENOENT {
        reading.errors.append(LoadError(file: path, what: "cannot read the folder: \(systemMessage(errno))"))
      }
      return
    }
    for name in names {
      visit(name, path: Array(path.utf8) + [UInt8(ascii: "/")] + name, isModule: true, depth: depth, &reading)
    }
  }

  /// A folder with scripts in it was probably meant to be loaded.
  private func warnOfFolder(_ path: String, _ reading: inout Reading) {
    let names = entries(of: "\(folder)/\(path)") ?? []
    guard names.contains(where: { $0.suffix(4).elementsEqual(".lua".utf8) }) else { return }
    reading.warnings.append(
      "\(path)/ is not read: scripts stand in the folder itself, modules in \(SourceFile.moduleFolder)/")
  }

  /// A file that vanished between listing and reading was deleted; a link to nothing is a mistake.
  private func explainMissing(_ path: String, name: String, error: Int32, _ reading: inout Reading) {
    guard SourceFile.isLoaded(name: name) || name == SourceFile.moduleFolder else { return }
    var status = stat()
    let isLink = lstat("\(folder)/\(path)", &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    if error == ENOENT, !isLink { return }
    let what =
      switch error {
      case ENOENT: "is a link to a file that does not exist"
      case ELOOP: "is a link that leads in a circle"
      default: "cannot be read: \(systemMessage(error))"
      }
    reading.errors.append(LoadError(file: path, what: what))
  }

  /// Nil when the file has vanished. The size and time are compared after reading, so that a file that is being
  /// written is read again; what is still changing then is an error, and the next save is another try.
  private func readFile(_ path: String, status: stat) -> Result<SourceFile?, LoadError> {
    for _ in 0..<3 {
      if let problem = Self.problem(of: status.st_mode) {
        return .failure(LoadError(file: path, what: problem))
      }
      // A FIFO that took the file's place meanwhile does not block either.
      let descriptor = open("\(folder)/\(path)", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
      guard descriptor >= 0 else {
        if errno == ENOENT { return .success(nil) }
        return .failure(LoadError(file: path, what: "cannot be read: \(systemMessage(errno))"))
      }
      defer { close(descriptor) }
      var (before, after) = (stat(), stat())
      guard fstat(descriptor, &before) == 0, before.st_mode & S_IFMT == S_IFREG else { continue }
      guard before.st_size <= SourceFile.maximumBytes else { return .failure(Self.tooLarge(path, Int(before.st_size))) }
      guard let bytes = readAll(descriptor) else {
        return .failure(LoadError(file: path, what: "cannot be read: \(systemMessage(errno))"))
      }
      guard bytes.count <= SourceFile.maximumBytes else { return .failure(Self.tooLarge(path, bytes.count)) }
      if fstat(descriptor, &after) == 0, after.st_size == before.st_size, bytes.count == Int(before.st_size),
        after.modificationTime == before.modificationTime
      {
        return .success(SourceFile(path: path, bytes: bytes))
      }
    }
    return .failure(LoadError(file: path, what: "is being changed while it is read", hint: "save it again"))
  }

  private func readAll(_ descriptor: Int32) -> [UInt8]? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 32 * 1024)
    while bytes.count <= SourceFile.maximumBytes {
      let count = chunk.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count < 0 { return nil }
      if count == 0 { break }
      bytes.append(contentsOf: chunk[..<count])
    }
    return bytes
  }

  private static func tooLarge(_ path: String, _ size: Int) -> LoadError {
    LoadError(
      file: path, what: "is \(size) bytes large; a script may have \(SourceFile.maximumBytes)",
      hint: "split it, or move what is not code elsewhere")
  }

  private static func problem(of mode: mode_t) -> String? {
    switch mode & S_IFMT {
    case S_IFREG: nil
    case S_IFDIR: "is a folder, not a script"
    case S_IFIFO: "is a named pipe, not a script"
    case S_IFSOCK: "is a socket, not a script"
    default: "is a device, not a script"
    }
  }

  /// The names in a folder, sorted by bytes; nil with `errno` when it cannot be read.
  private func entries(of path: String) -> [[UInt8]]? {
    guard let stream = opendir(path) else { return nil }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8) { names.append(name) }
    }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }

  private func readableText(_ bytes: [UInt8]) -> String? {
    guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
    return bytes.contains { $0 < 0x20 || $0 == 0x7F } ? nil : text
  }

  private func systemMessage(_ code: Int32) -> String { String(cString: strerror(code)) }
}

extension stat {
  fileprivate var modificationTime: [Int] { [Int(st_mtim.tv_sec), Int(st_mtim.tv_nsec)] }
}

private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
  read(descriptor, buffer, count)
}
