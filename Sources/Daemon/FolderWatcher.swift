import Glibc
import Platform
import Synchronization

/// Watches the handlers folder and says when it has changed and come to rest: after 200 ms of quiet, at the latest a
/// second after the first change.
///
/// inotify tells of changes at once; once in two seconds the folder's signature (names, sizes, times) is compared as
/// well, for file systems that do not tell, and for a folder that was deleted and made anew.
package final class FolderWatcher: Sendable {
  static let quiet: Int32 = 200
  static let longest: UInt64 = 1_000_000_000
  static let poll: Int32 = 2000

  private let folder: String
  private let stopPipe: (read: Int32, write: Int32)
  private let changed: @Sendable () -> Void
  private let thread = Mutex<NamedThread?>(nil)

  /// `changed` is called on the watcher's thread.
  package init(folder: String, changed: @escaping @Sendable () -> Void) {
    self.folder = folder
    self.changed = changed
    var ends: [Int32] = [-1, -1]
    precondition(pipe(&ends) == 0, "the system gives no pipe (errno \(errno))")
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    stopPipe = (ends[0], ends[1])
  }

  deinit {
    close(stopPipe.read)
    close(stopPipe.write)
  }

  package func start() {
    thread.withLock { $0 = NamedThread.start(name: "watcher", stackBytes: 256 << 10) { self.loop() } }
  }

  package func stop() {
    var byte: UInt8 = 1
    write(stopPipe.write, &byte, 1)
    let started = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    started?.join()
  }

  private func loop() {
    let notify = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    defer { if notify >= 0 { close(notify) } }
    watchAll(notify)
    var signature = FolderSignature(of: folder)
    while true {
      switch wait(notify, milliseconds: Self.poll) {
      case .stop: return
      case .event: if !settle(notify) { return }
      case .timeout: break
      }
      watchAll(notify)
      let now = FolderSignature(of: folder)
      if now != signature {
        signature = now
        changed()
      }
    }
  }

  /// Waits for 200 ms without a change. False when told to stop.
  private func settle(_ notify: Int32) -> Bool {
    let clock = SystemClock()
    let end = clock.monotonicNanoseconds() + Self.longest
    while clock.monotonicNanoseconds() < end {
      switch wait(notify, milliseconds: Self.quiet) {
      case .stop: return false
      case .event: continue
      case .timeout: return true
      }
    }
    return true
  }

  private enum Woken { case event, timeout, stop }

  private func wait(_ notify: Int32, milliseconds: Int32) -> Woken {
    var descriptors = [
      pollfd(fd: stopPipe.read, events: Int16(POLLIN), revents: 0),
      pollfd(fd: notify, events: Int16(POLLIN), revents: 0),
    ]
    let ready = Glibc.poll(&descriptors, notify >= 0 ? 2 : 1, milliseconds)
    if descriptors[0].revents != 0 { return .stop }
    guard ready > 0 else { return .timeout }
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while read(notify, &buffer, buffer.count) > 0 {}
    return .event
  }

  /// Adding a watch twice is no error, so new folders are found by adding all of them again.
  private func watchAll(_ notify: Int32) {
    guard notify >= 0 else { return }
    let events = UInt32(
      IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MODIFY | IN_ATTRIB)
    for path in [folder] + FolderSignature.subfolders(of: folder) { inotify_add_watch(notify, path, events) }
  }
}

/// What a folder of scripts looks like from outside: equal signatures, nothing to load.
struct FolderSignature: Equatable {
  private struct Entry: Equatable {
    var path: String
    var inode: UInt64
    var size: Int64
    var seconds: Int
    var nanoseconds: Int
  }

  private var entries: [Entry] = []

  init(of folder: String) {
    add(folder, depth: 0)
    entries.sort { $0.path < $1.path }
  }

  private mutating func add(_ folder: String, depth: Int) {
    for name in Self.names(in: folder) {
      let path = folder + "/" + name
      var status = stat()
      guard stat(path, &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        if depth < 8 { add(path, depth: depth + 1) }
        continue
      }
      entries.append(
        Entry(
          path: path, inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: status.st_mtim.tv_sec,
          nanoseconds: status.st_mtim.tv_nsec))
    }
  }

  static func subfolders(of folder: String, depth: Int = 0) -> [String] {
    guard depth < 8 else { return [] }
    return names(in: folder).flatMap { name in
      let path = folder + "/" + name
      var status = stat()
      guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return [String]() }
      return [path] + subfolders(of: path, depth: depth + 1)
    }
  }

  private static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }
}
