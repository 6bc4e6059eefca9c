package import Events
package import LogStorage
package import Platform
package import Scripts
import Synchronization

/// Every projection's documents, kept up to date with what is durable by a thread of its own, and the questions that
/// may be asked of them.
package final class RunningViews: Sendable {
  private let thread: ViewThread
  private let running = Mutex<NamedThread?>(nil)
  let board: ViewBoard
  let log: LogReader
  let identity: LogIdentity
  let settings: ViewSettings
  let pastViews = PastViews()

  package init(settings: ViewSettings, log: LogReader, identity: LogIdentity, clock: any HostClock) {
    board = ViewBoard()
    (self.log, self.identity, self.settings) = (log, identity, settings)
    thread = ViewThread(settings: settings, log: log, identity: identity, clock: clock, board: board)
  }

  /// How many documents a transaction writes when there is much to do.
  package static let documentsPerTransaction = ViewThread.batchDocuments

  /// Starts the thread; before anything else. Nothing is folded before the first `deploy`.
  package func start() {
    running.withLock { $0 = NamedThread.start(name: "views", stackBytes: 4 << 20) { self.thread.run() } }
  }

  /// Ends the batch under way and the thread, and closes the file.
  package func stop() async {
    thread.inbox.put(.stop)
    let running = running.withLock { thread in
      defer { thread = nil }
      return thread
    }
    guard let running else { return }
    await NamedThread.run(name: "views end") { running.join() }
  }

  /// The log is durable up to here: views may read it. Any thread.
  package func durableAdvanced(to position: Position) { thread.durableAdvanced(to: position.rawValue) }

  /// These scripts are the running generation from now on. Views whose code has changed are folded anew. Returns when the
  /// views are those that the scripts declare, or when that has to wait for views.db.
  package func deploy(_ scripts: Generation) async {
    if board.hasEnded { return }
    await withCheckedContinuation { continuation in
      thread.inbox.put(.deploy(scripts) { continuation.resume() })
    }
  }

  /// How every view is.
  /// - Throws: `ViewError.notReady` before views.db was opened for the first time.
  package func list() throws(ViewError) -> [ViewStatus] {
    guard let views = board.views else { throw Self.notReady }
    return views
  }

  func view(named name: String) throws(ViewError) -> ViewStatus {
    let views = try list()
    guard let view = views.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
      let known = views.isEmpty ? "no script declares one" : "there are " + views.map(\.name).joined(separator: ", ")
      throw ViewError(.noView, "There is no view of this name; \(known).")
    }
    return view
  }

  static let notReady = ViewError(.notReady, "The views are not open yet. Try again in a moment.")

  /// The database as it is open now. Reads block.
  func database() throws(ViewError) -> ViewDatabase {
    guard let database = thread.database.withLock({ $0 }) else { throw Self.notReady }
    return database
  }

  /// A reader has found the file to be damaged.
  func foundDamage() { thread.inbox.put(.damaged) }

  /// Folds a view anew beside itself, with the running code, from the start of the log.
  package func rebuild(_ name: String) throws(ViewError) {
    let view = try view(named: name)
    thread.inbox.put(.rebuild(view.name))
  }

  /// Returns once the view has read `position`.
  /// - Throws: `ViewError.late` when that takes longer than `timeout`.
  package func wait(for name: String, toRead position: Position, timeout: Duration) async throws(ViewError) {
    let board = board
    let isInTime = await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        await board.wait(for: name, toRead: position.rawValue)
        return true
      }
      group.addTask {
        try? await Task.sleep(for: timeout)
        return false
      }
      defer { group.cancelAll() }
      return await group.next() ?? false
    }
    let view = try view(named: name)
    if view.position >= position.rawValue { return }
    if isInTime { throw ViewError(.stopping, "The daemon is stopping.") }
    throw ViewError(
      .late,
      "The view has read up to position \(view.position), not yet to \(position). Ask again, or wait longer.")
  }
}
