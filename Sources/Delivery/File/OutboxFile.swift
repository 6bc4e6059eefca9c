internal import Events
internal import Glibc
internal import Platform

/// A file of whole lines.
enum OutboxFile {
  /// Appends lines; on return they are durable. After an error they are cut off again, as far as the disk lets us: what
  /// a failed sync leaves behind is not known, and who wrote it asks again anyway. A half line that stays all the same
  /// is cut off before the next ones are written.
  static func append(
    _ lines: UnsafeRawBufferPointer, to name: String, in folder: String, files: any FileSystem
  ) throws(FileError) {
    let path = "\(folder)/\(name)"
    let (file, isNew) = try open(path, in: folder, files)
    var end: Int?
    do throws(FileError) {
      let start = try mended(file)
      end = start
      try file.write(lines, at: start)
      try file.syncData()
      try file.close()
    } catch {
      if let end { try? file.truncate(to: end) }
      try? file.close()
      throw error
    }
    if isNew { try files.syncFolder(folder) }
  }

  private static func open(
    _ path: String, in folder: String, _ files: any FileSystem
  ) throws(FileError) -> (file: any File, isNew: Bool) {
    do throws(FileError) {
      return (try files.open(path, .readWrite), false)
    } catch {
      guard error.number == ENOENT else { throw error }
    }
    try files.makeFolder(folder)
    return (try files.open(path, .create), true)
  }

  /// Where the next line begins. A last line without its end was torn by a crash, and its message was never answered,
  /// so it comes again; unless it is whole JSON, which somebody may have written with an editor.
  private static func mended(_ file: any File) throws(FileError) -> Int {
    let size = try file.size()
    if size == 0 { return 0 }
    var tail: [UInt8] = []
    var start = size
    while start > 0 {
      let step = min(start, 64 << 10)
      var block = [UInt8](repeating: 0, count: step)
      start -= step
      let offset = start
      let count = try block.withUnsafeMutableBufferPointer { bytes throws(FileError) in
        try file.read(into: UnsafeMutableRawBufferPointer(bytes), at: offset)
      }
      tail = block.prefix(count) + tail
      if tail.last == UInt8(ascii: "\n") { return size }
      if let last = tail.lastIndex(of: UInt8(ascii: "\n")) {
        start += last + 1
        tail.removeFirst(last + 1)
        break
      }
    }
    let isWhole = tail.withUnsafeBytes { (try? JSONObject($0)) != nil }
    guard isWhole else {
      try file.truncate(to: start)
      return start
    }
    try Array("\n".utf8).withBytes { bytes throws(FileError) in try file.write(bytes, at: size) }
    return size + 1
  }
}
