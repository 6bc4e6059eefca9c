package import Platform
internal import Events

/// Opens logs.
package enum LogStore {
  /// Opens the log in the data folder `root` for writing, or makes one when there is none (docs/faults, O1–O6).
  /// Blocks until everything is checked. The journal is not started yet.
  package static func open(
    folder root: String, fileSystem: any FileSystem, options: LogOptions = LogOptions(), clock: any HostClock,
    randomness: any Randomness
  ) throws(LogError) -> OpenedLog {
    let folder = LogFolder(root: root)
    try explaining("making the data folder") {
      if try fileSystem.makeFolder(root) { try fileSystem.syncFolder(LogFolder.parent(of: root)) }
    }
    let lock = try take(folder.lock, fileSystem)
    var opening = LogOpening(
      folder: folder, fileSystem: fileSystem, options: options, clock: clock, randomness: randomness)
    return try opening.open(lock: lock)
  }

  private static func take(_ path: String, _ fileSystem: any FileSystem) throws(LogError) -> any FileLock {
    try explaining("locking the data folder") {
      switch try fileSystem.lock(path) {
      case .locked(let lock): return lock
      case .held(let holder):
        let who = holder.process.map { "process \($0)" } ?? "another process"
        throw LogError(.locked, "\(path) is held by \(who): one daemon at a time uses a data folder")
      }
    }
  }
}
