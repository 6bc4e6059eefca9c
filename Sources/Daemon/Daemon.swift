internal import CoreMetrics
import Delivery
import Engine
import Events
import Glibc
import HTTPAPI
internal import LogStorage
import Logging
internal import Metering
import Platform
import Scripts
import ServiceLifecycle
internal import UnixSignals
import Views

/// The whole host in one process: log, engine, scripts, HTTP, started in the order of their dependence and stopped in
/// the other.
package struct Daemon: Sendable {
  private let configuration: RunConfiguration
  private let console: Console
  private let keptStates: SubjectSnapshots
  private let metrics = MetricsRegistry()

  package init(_ configuration: RunConfiguration) {
    self.configuration = configuration
    keptStates = SubjectSnapshots(folder: configuration.data + "/aggregates", fileSystem: LocalFileSystem())
    console = Console(format: configuration.logFormat)
  }

  /// Runs until SIGTERM or SIGINT.
  /// - Throws: `DaemonError` when it cannot start, with what to do.
  package func run() async throws(DaemonError) {
    defer { console.stop() }
    // A file that may not grow any further is an error of its write (EFBIG), not the end of the process.
    signal(SIGXFSZ, SIG_IGN)
    let door = try doorConfiguration()
    let (opened, control) = try openLog()
    let snapshots = Snapshotter(store: opened.snapshots, log: opened.reader, control: control, console: console)
    let views = makeViews(opened, control)
    let courier = makeCourier(opened, views)
    let engine = makeEngine(opened, control, courier, try await loadPinned(opened, control))
    let intake = makeIntake(opened, engine)
    engine.start()
    views.start()
    let loader = ScriptLoader(
      folder: configuration.handlers, engine: engine, views: views, keptStates: keptStates, intake: intake,
      console: console)
    engine.setReloader { await loader.reload() }
    do {
      try await loadFirst(loader, engine, control, views, intake)
      try await serve(engine, door, loader, snapshots, views, intake)
    } catch {
      intake.stop()
      await views.stop()
      _ = try? await engine.stop()
      courier.stop(grace: .zero)
      try? opened.close()
      throw error as? DaemonError ?? DaemonError("\(error)")
    }
    // The engine has waited for what was under way.
    courier.stop(grace: .zero)
    do {
      try opened.close()
    } catch {
      throw DaemonError("\(error)", exitCode: DaemonError.logFailed)
    }
  }

  private func makeCourier(_ opened: OpenedLog, _ views: RunningViews) -> Courier {
    Courier(
      settings: CourierSettings(version: Version.text), identity: opened.identity,
      outboxFolder: configuration.data + "/outbox", environment: ProcessEnvironment.value,
      documents: ViewTargets(views: views))
  }

  private func makeIntake(_ opened: OpenedLog, _ engine: RunningEngine) -> Intake {
    let settings = IntakeSettings(
      identity: opened.identity, environment: ProcessEnvironment.value
    ) { [console] level, source, text in
      console.write(level.rawValue, source, text)
    }
    return Intake(settings, host: engine) { [unowned engine] in engine.runningGeneration }
  }

  /// The scripts that instances of processes run on (design, section 5.5).
  private func loadPinned(
    _ opened: OpenedLog, _ control: ControlState
  ) async throws(DaemonError) -> [RunningGeneration] {
    let result = await NamedThread.run(name: "loader", stackBytes: 8 << 20) {
      Result { () throws(PinnedError) in try control.loadPinned(naming: opened.reader) }
    }
    do {
      return try result.get()
    } catch {
      throw DaemonError("\(error)")
    }
  }

  private func makeEngine(
    _ opened: OpenedLog, _ control: ControlState, _ courier: Courier, _ pinned: [RunningGeneration]
  ) -> RunningEngine {
    var settings = EngineSettings()
    settings.workers = configuration.workers
    settings.acceptsClockJumps = configuration.acceptsClockJumps
    settings.clockIsEvents = opened.identity.clockMode == .events
    settings.unsyncedLimit = opened.identity.limits.maxUnsyncedBytes - opened.identity.limits.maxGroupBytes
    settings.version = Version.text
    return RunningEngine(
      settings: settings,
      start: EngineStart(
        identity: opened.identity, control: control, logBytes: opened.reader.byteCount, pinned: pinned),
      journal: opened.journal, identities: opened.identities, framer: opened.framer, reader: opened.reader,
      clock: SystemClock(), observer: ConsoleObserver(console: console), snapshots: keptStates,
      deliverer: courier, metrics: EngineMetrics(factory: metrics))
  }

  private func makeViews(_ opened: OpenedLog, _ control: ControlState) -> RunningViews {
    let sources = control.sources
    let settings = ViewSettings(path: configuration.viewsPath) {
      sources[$0]
    } note: { [console] level, message in
      console.write(level, "views", message)
    }
    return RunningViews(settings: settings, log: opened.reader, identity: opened.identity, clock: SystemClock())
  }

  /// The scripts of the folder; when they do not load, those of the last generation that did (design, section 8).
  private func loadFirst(
    _ loader: ScriptLoader, _ engine: RunningEngine, _ control: ControlState, _ views: RunningViews, _ intake: Intake
  ) async throws(DaemonError) {
    guard case .refused(let errors) = await loader.reload(after: control) else { return }
    guard control.generation > 0, let files = control.sources(of: control.generation) else {
      throw DaemonError(
        """
        \(configuration.handlers) does not load, and the log has no generation to go on with:
        \(errors.joined(separator: "\n"))
        """)
    }
    switch Generation.load(files) {
    case .failure(let failure):
      throw DaemonError(
        """
        \(configuration.handlers) does not load, and neither does generation \(control.generation) from the log:
        \(failure)
        """)
    case .success(let scripts):
      _ = await engine.deploy(scripts)
      await views.deploy(scripts)
      intake.deployed(scripts)
      engine.noteLoadErrors(errors)
      console.write(
        "error", "scripts",
        "generation \(control.generation) from the log runs instead: mend the folder, it is loaded as soon as it is saved"
      )
    }
  }

  private func serve(
    _ engine: RunningEngine, _ door: DoorConfiguration, _ loader: ScriptLoader, _ snapshots: Snapshotter,
    _ views: RunningViews, _ intake: Intake
  ) async throws {
    var logger = Logger(label: "moondance") { [console] in ConsoleLogHandler(label: $0, console: console) }
    logger.logLevel = .warning
    let watcher = FolderWatcher(folder: configuration.handlers) {
      Task { await loader.reload() }
    }
    let reading = LogReading(
      log: engine.reader, durableCommit: { engine.durablePoint.commit },
      states: SubjectReading(log: engine.reader, snapshots: keptStates) { engine.runningGeneration })
    let server = HTTPDoor(
      door, host: engine, reading: reading, views: ViewsReading(views: views, host: engine, log: reading),
      sources: intake, version: Version.text, metrics: metrics, logger: logger
    ) { address in
      console.write("info", "moondance", await greeting(engine, address))
    }
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(service: EngineService(engine: engine) { snapshots.finish(with: $0) }),
          .init(service: SnapshotService(snapshots: snapshots, host: engine)),
          .init(service: ViewsService(views: views, host: engine)),
          .init(service: IntakeService(intake: intake)),
          .init(service: WatcherService(watcher: watcher)),
          .init(service: server),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint],
        logger: logger))
    try await group.run()
    console.write("info", "moondance", "stopped")
  }

  /// Who may come in, checked before anything is opened.
  private func doorConfiguration() throws(DaemonError) -> DoorConfiguration {
    do {
      let tokens = try configuration.tokenFile.map { file throws(DoorError) in try TokenList(file: file) }
      return try DoorConfiguration(
        address: ListenAddress(host: configuration.host, port: configuration.port), tokens: tokens)
    } catch {
      throw DaemonError(error.message)
    }
  }

  private func greeting(_ engine: RunningEngine, _ address: ListenAddress) async -> String {
    let status = await engine.status()
    let kinds = status.readers.filter { $0.state != "removed" }.map(\.kind)
    let readers = Set(kinds).sorted().map { kind in
      let count = kinds.count { $0 == kind }
      return ", \(count) \(kind)\(count == 1 ? "" : kind == "process" ? "es" : "s")"
    }
    return """
      \(Version.text) on http://\(address) · generation \(status.generation): \(status.scripts.count) scripts\
      \(readers.joined()) · log at \(status.head)
      """
  }
}

extension Daemon {
  /// Opens the log and folds it up to its end.
  private func openLog() throws(DaemonError) -> (OpenedLog, ControlState) {
    var options = LogOptions()
    options.clockMode = configuration.clock ?? .host
    options.syncSpacing = UInt64(configuration.syncEvery) * 1_000_000
    let syncs = Timer(.syncTime, factory: metrics)
    options.didSync = { syncs.recordNanoseconds($0) }
    options.claims = ViewClaim.of(configuration.viewsPath).map { [$0] } ?? []
    do {
      let opened = try LogStore.open(
        folder: configuration.data, fileSystem: LocalFileSystem(), options: options, clock: SystemClock(),
        randomness: SystemRandomness())
      for warning in opened.report.warnings { console.write("warning", "log", warning) }
      if let asked = configuration.clock, asked != opened.identity.clockMode {
        throw DaemonError(
          """
          the log in \(configuration.data) was made with --clock \(opened.identity.clockMode), which cannot be changed: \
          leave --clock out, or use another --data folder
          """)
      }
      return (opened, try fold(opened))
    } catch let error as LogError {
      throw DaemonError("\(error.message)")
    } catch {
      throw error as? DaemonError ?? DaemonError("\(error)")
    }
  }

  private func fold(_ opened: OpenedLog) throws -> ControlState {
    var control = ControlState()
    let (newest, warnings) = try opened.snapshots.newest(knownVersion: ControlState.snapshotVersion)
    for warning in warnings { console.write("warning", "log", warning) }
    if let snapshot = newest {
      if let state = snapshot.payload.withUnsafeBytes({ ControlState(snapshot: $0) }) {
        control = state
      } else {
        console.write("warning", "log", "the snapshot is of another version: the log is read from its beginning")
      }
    }
    let last = opened.reader.lastCommit
    let began = SystemClock().monotonicNanoseconds()
    try control.catchUp(with: opened.reader) { commit in
      let seconds = (SystemClock().monotonicNanoseconds() - began) / 1_000_000_000
      if seconds >= 2 { console.write("info", "log", "reading the log: commit \(commit) of \(last)") }
    }
    return control
  }
}
