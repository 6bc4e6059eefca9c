internal import Glibc
package import Platform
internal import Synchronization

/// Files in memory that behave like a disk in bad hands: what is not synced may be lost by the sector, calls fail when
/// the test says so, and the power can go at any call.
///
/// Content is durable after a sync of the file, names after a sync of the folder; until then `crash` decides.
package final class MemoryFileSystem: FileSystem {
  package static let sectorBytes = 512
  /// The errno of every call between a crash and `restart`.
  package static let crashed: Int32 = 9999

  /// What is to happen to one call instead of what it asks for.
  package enum Fault: Sendable, Equatable {
    /// The call fails with this errno and changes nothing.
    case fail(Int32)
    /// A write puts this many bytes in and then fails; other calls fail at once.
    case failAfter(bytes: Int, Int32)
    /// A read or write does at most this many bytes.
    case short(Int)
    /// A sync claims success and has done nothing: a disk that lies.
    case ignore
    /// The power goes before the call.
    case crash
  }

  /// One call, as the fault plan and the trace see it.
  package struct Call: Sendable, Equatable, CustomStringConvertible {
    /// 0, 1, 2 … since the trace was cleared.
    package let index: Int
    package let operation: FileError.Operation
    package let path: String
    package let offset: Int
    package let count: Int

    package var description: String { "#\(index) \(operation.rawValue) \(path) \(offset)+\(count)" }
  }

  /// What a crash does to what was not synced.
  package enum Loss: Sendable {
    /// All of it survives.
    case nothing
    /// None of it does.
    case everything
    /// Each sector, name and size by the seed.
    case some(Seed)

    /// One of each, and two by chance.
    package static func kinds(_ seed: UInt64) -> [Loss] {
      [.nothing, .everything, .some(Seed(seed)), .some(Seed(seed &+ 0x5EED_0000_0000))]
    }
  }

  struct State {
    var folders: [String: Folder] = [".": Folder(), "/": Folder()]
    var locks: [String: Int32] = [:]
    var boot = 0
    var isCrashed = false
    var trace: [Call] = []
    var plan: (@Sendable (Call) -> Fault?)?
  }

  let state: Mutex<State>

  package init() { state = Mutex(State()) }

  private init(_ copy: State) { state = Mutex(copy) }

  /// Decides about every call from now on.
  package func inject(_ plan: (@Sendable (Call) -> Fault?)?) { state.withLock { $0.plan = plan } }

  /// All calls since the last `clearTrace`.
  package var trace: [Call] { state.withLock { $0.trace } }

  package func clearTrace() { state.withLock { $0.trace = [] } }

  package var isCrashed: Bool { state.withLock { $0.isCrashed } }

  /// The power goes now: open files and locks are gone, and so is what `loss` says. Files can be used again.
  package func restart(losing loss: Loss) {
    state.withLock { state in
      var chooser = LossChooser(loss)
      for path in state.folders.keys.sorted() {
        state.folders[path]!.crash(&chooser)
        let parent = Self.split(path).folder
        let isThere = path.count == 1 || state.folders[parent] != nil
        if !isThere || !(state.folders[path]!.isDurable || chooser.keeps()) {
          state.folders[path] = nil
        } else {
          state.folders[path]!.isDurable = true
        }
      }
      state.boot += 1
      state.isCrashed = false
      state.locks = [:]
      state.plan = nil
      state.trace = []
    }
  }

  /// The process dies, the power stays: open files and locks are gone, what was written is there and still not durable.
  package func killProcess() {
    state.withLock { state in
      state.boot += 1
      state.isCrashed = false
      state.locks = [:]
      state.plan = nil
      state.trace = []
    }
  }

  /// An independent copy of everything that is durable and not durable now, without faults, locks and open files.
  package func copy() -> MemoryFileSystem {
    state.withLock { state in
      var copy = State()
      copy.folders = state.folders.mapValues { $0.copy() }
      return MemoryFileSystem(copy)
    }
  }

  /// The content of a file as a reader would see it now; nil when there is none.
  package func contents(_ path: String) -> [UInt8]? {
    let (folder, name) = Self.split(path)
    return state.withLock { $0.folders[folder]?.entries[name]?.content }
  }

  /// Puts a file there, durable at once.
  package func put(_ content: [UInt8], at path: String) {
    let (folder, name) = Self.split(path)
    state.withLock { state in
      let node = Node(content: content)
      state.folders[folder, default: Folder()].entries[name] = node
      state.folders[folder]!.durable[name] = node
    }
  }

  /// Takes a file away, durably at once.
  package func drop(_ path: String) {
    let (folder, name) = Self.split(path)
    state.withLock { state in
      state.folders[folder]?.entries[name] = nil
      state.folders[folder]?.durable[name] = nil
    }
  }

  static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    return (String(path[..<slash]), String(path[path.index(after: slash)...]))
  }

  /// Notes a call and decides its fate: nil to go on, or how many bytes it may move.
  static func admit(
    _ state: inout State, _ operation: FileError.Operation, _ path: String, offset: Int = 0, count: Int = 0
  ) throws(FileError) -> Fault? {
    if state.isCrashed { throw FileError(operation, path, errno: crashed) }
    let call = Call(index: state.trace.count, operation: operation, path: path, offset: offset, count: count)
    state.trace.append(call)
    let fault = state.plan?(call)
    let place: Int? = operation == .read || operation == .write ? offset : nil
    switch fault {
    case .fail(let number): throw FileError(operation, path, errno: number, at: place)
    case .crash:
      state.isCrashed = true
      throw FileError(operation, path, errno: crashed)
    case .failAfter(_, let number) where operation != .write: throw FileError(operation, path, errno: number)
    default: return fault
    }
  }
}

extension MemoryFileSystem {
  /// Runs a call under the lock and carries its typed error out.
  func call<Value: Sendable>(_ body: (inout State) throws(FileError) -> Value) throws(FileError) -> Value {
    try state.withLock { state in Result { () throws(FileError) in try body(&state) } }.get()
  }

  package func open(_ path: String, _ access: FileAccess) throws(FileError) -> any File {
    try call { state throws(FileError) in
      _ = try Self.admit(&state, .open, path)
      let (folder, name) = Self.split(path)
      guard state.folders[folder] != nil else { throw FileError(.open, path, errno: ENOENT) }
      let existing = state.folders[folder]!.entries[name]
      switch access {
      case .read, .readWrite:
        guard let existing else { throw FileError(.open, path, errno: ENOENT) }
        return MemoryFile(self, path, existing, boot: state.boot)
      case .create:
        if existing != nil { throw FileError(.open, path, errno: EEXIST) }
      case .replace:
        if let existing {
          existing.truncate(to: 0)
          return MemoryFile(self, path, existing, boot: state.boot)
        }
      }
      let node = Node(content: [])
      state.folders[folder]!.change(.link(name, node))
      return MemoryFile(self, path, node, boot: state.boot)
    }
  }

  package func rename(_ path: String, to target: String) throws(FileError) {
    try call { state throws(FileError) in
      _ = try Self.admit(&state, .rename, path)
      let (folder, name) = Self.split(path)
      let (targetFolder, targetName) = Self.split(target)
      precondition(folder == targetFolder, "files are renamed within their folder")
      guard state.folders[folder]?.entries[name] != nil else { throw FileError(.rename, path, errno: ENOENT) }
      state.folders[folder]!.change(.rename(name, targetName))
    }
  }

  package func remove(_ path: String) throws(FileError) {
    try call { state throws(FileError) in
      _ = try Self.admit(&state, .remove, path)
      let (folder, name) = Self.split(path)
      guard state.folders[folder]?.entries[name] != nil else { throw FileError(.remove, path, errno: ENOENT) }
      state.folders[folder]!.change(.unlink(name))
    }
  }

  package func list(_ folder: String) throws(FileError) -> [String] {
    try call { state throws(FileError) in
      _ = try Self.admit(&state, .list, folder)
      guard let entries = state.folders[folder]?.entries else { throw FileError(.list, folder, errno: ENOENT) }
      return entries.keys.sorted().reversed()
    }
  }

  @discardableResult
  package func makeFolder(_ path: String) throws(FileError) -> Bool {
    try call { state throws(FileError) in
      _ = try Self.admit(&state, .makeFolder, path)
      if state.folders[path] != nil { return false }
      let (parent, _) = Self.split(path)
      guard state.folders[parent] != nil else { throw FileError(.makeFolder, path, errno: ENOENT) }
      state.folders[path] = Folder()
      state.folders[path]!.isDurable = false
      return true
    }
  }

  package func syncFolder(_ folder: String) throws(FileError) {
    try call { state throws(FileError) in
      let fault = try Self.admit(&state, .syncFolder, folder)
      guard state.folders[folder] != nil else { throw FileError(.open, folder, errno: ENOENT) }
      if fault == .ignore { return }
      state.folders[folder]!.sync()
      for path in state.folders.keys where Self.split(path).folder == folder { state.folders[path]!.isDurable = true }
    }
  }

  package func lock(_ path: String) throws(FileError) -> LockOutcome {
    try call { state throws(FileError) in
      _ = try Self.admit(&state, .lock, path)
      let (folder, name) = Self.split(path)
      guard state.folders[folder] != nil else { throw FileError(.lock, path, errno: ENOENT) }
      if let process = state.locks[path] { return .held(LockHolder(process: process)) }
      if state.folders[folder]!.entries[name] == nil { state.folders[folder]!.change(.link(name, Node(content: []))) }
      state.locks[path] = getpid()
      return .locked(MemoryLock(self, path, boot: state.boot))
    }
  }

  package func lockHolder(_ path: String) throws(FileError) -> LockHolder? {
    try call { state throws(FileError) in
      _ = try Self.admit(&state, .lock, path)
      return state.locks[path].map { LockHolder(process: $0) }
    }
  }
}

private final class MemoryLock: FileLock {
  private let owner: MemoryFileSystem
  private let path: String
  private let boot: Int
  private let released = Atomic<Bool>(false)

  init(_ owner: MemoryFileSystem, _ path: String, boot: Int) {
    self.owner = owner
    self.path = path
    self.boot = boot
  }

  func release() {
    if released.exchange(true, ordering: .relaxed) { return }
    owner.state.withLock { state in
      if state.boot == boot { state.locks[path] = nil }
    }
  }

  deinit { release() }
}
