internal import Platform
internal import Synchronization

/// Files open for reading, the most recently used ones: a log of hundreds of segments must not use up the
/// descriptors. Any thread.
final class FileCache: Sendable {
  let fileSystem: any FileSystem
  private let limit: Int
  private let state = Mutex<State>(State())

  private struct State {
    var files: [String: (file: any File, used: UInt64)] = [:]
    var uses: UInt64 = 0
  }

  init(_ fileSystem: any FileSystem, limit: Int = 128) {
    self.fileSystem = fileSystem
    self.limit = limit
  }

  /// The file at a path that is never used for another file again.
  func file(_ path: String) throws(FileError) -> any File {
    if let file = cached(path) { return file }
    let opened: any File
    do throws(FileError) {
      opened = try fileSystem.open(path, .read)
    } catch {
      guard error.isOutOfDescriptors else { throw error }
      shrink(to: limit / 4)
      opened = try fileSystem.open(path, .read)
    }
    shrink(to: limit - 1)
    state.withLock { state in
      state.uses += 1
      state.files[path] = (opened, state.uses)
    }
    return opened
  }

  /// The file at `path` has been replaced.
  func forget(_ path: String) { state.withLock { _ = $0.files.removeValue(forKey: path) } }

  private func cached(_ path: String) -> (any File)? {
    state.withLock { state in
      guard let file = state.files[path]?.file else { return nil }
      state.uses += 1
      state.files[path]!.used = state.uses
      return file
    }
  }

  private func shrink(to count: Int) {
    state.withLock { state in
      while state.files.count > max(count, 0) {
        let oldest = state.files.min { $0.value.used < $1.value.used }!
        state.files[oldest.key] = nil
      }
    }
  }
}
