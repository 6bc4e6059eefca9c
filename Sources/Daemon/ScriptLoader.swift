import Delivery
import Engine
import Events
import LogStorage
import Platform
import Scripts
import Synchronization
import Views

/// Loads the handlers folder and hands what is good to the engine, one load after the other.
actor ScriptLoader {
  private let folder: FolderReader
  private let engine: RunningEngine
  private let views: RunningViews
  private let keptStates: SubjectSnapshots
  private let intake: Intake
  private let console: Console
  /// Loads queue behind each other although each of them waits for the engine.
  private var last: Task<ReloadOutcome, Never>?

  init(
    folder: String, engine: RunningEngine, views: RunningViews, keptStates: SubjectSnapshots, intake: Intake,
    console: Console
  ) {
    self.folder = FolderReader(folder: folder)
    self.engine = engine
    self.views = views
    self.keptStates = keptStates
    self.intake = intake
    self.console = console
  }

  /// Loads now. A folder that does not load changes nothing but `status`.
  /// `control`: at the start of the daemon, what the log says.
  func reload(after control: ControlState? = nil) async -> ReloadOutcome {
    let previous = last
    let task = Task { [folder, engine, views, keptStates, intake, console] in
      _ = await previous?.value
      let outcome = await Self.load(folder, engine, views, intake, control, console)
      Self.tell(outcome, console)
      if case .loaded(_, let isNew, _) = outcome, isNew || control != nil { await Self.tidy(keptStates, engine) }
      return outcome
    }
    last = task
    return await task.value
  }

  private static func load(
    _ folder: FolderReader, _ engine: RunningEngine, _ views: RunningViews, _ intake: Intake,
    _ control: ControlState?, _ console: Console
  ) async -> ReloadOutcome {
    // Lua wants a deeper stack than the cooperative pool gives.
    let (reading, loaded) = await NamedThread.run(name: "loader", stackBytes: 8 << 20) {
      let reading = folder.read()
      return (reading, reading.errors.isEmpty ? Generation.load(reading.files) : nil)
    }
    for warning in reading.warnings { console.write("warning", "scripts", warning) }
    guard reading.errors.isEmpty, let loaded else {
      let errors = reading.errors.map(\.description)
      engine.noteLoadErrors(errors)
      return .refused(errors: errors)
    }
    switch loaded {
    case .failure(let failure):
      let errors = failure.errors.map(\.description)
      engine.noteLoadErrors(errors)
      return .refused(errors: errors)
    case .success(let scripts):
      do {
        let passed = try control?.cursorsPassingUnheard(with: scripts, in: engine.reader) ?? [:]
        let outcome = await engine.deploy(
          scripts, starts: try starts(of: scripts, in: engine.reader), passed: passed)
        // Equal files make no deploy, and nothing to try again.
        if case .loaded(_, let isNew, _) = outcome, isNew || control != nil {
          await views.deploy(scripts)
          intake.deployed(scripts)
        }
        if case .loaded = outcome { warnOfMissingVariables(scripts, console) }
        return outcome
      } catch {
        return .refused(errors: ["the log cannot be read to find where a consumer begins: \(error)"])
      }
    }
  }

  /// Removes the kept states of aggregates that are declared no more. Each file is read to find whose it is, so that is
  /// done only when there is such an aggregate.
  private static func tidy(_ keptStates: SubjectSnapshots, _ engine: RunningEngine) async {
    let readers = await engine.status().readers.filter { $0.kind == ReaderChange.Kind.aggregate.description }
    guard readers.contains(where: { $0.state == "removed" }) else { return }
    let aggregates = Set(readers.filter { $0.state != "removed" }.map(\.name))
    await NamedThread.run(name: "tidy") { _ = keptStates.removeAll(butOf: aggregates) }
  }

  /// What a destination is made of and the environment does not have: its messages wait, and somebody should know why.
  private static func warnOfMissingVariables(_ scripts: Generation, _ console: Console) {
    for consumer in scripts.consumers {
      let missing = consumer.destination?.place.environment.filter { ProcessEnvironment.value(of: $0) == nil } ?? []
      if missing.isEmpty { continue }
      console.write(
        "warning", "scripts",
        "\(consumer.file):\(consumer.line): destination \"\(consumer.name)\" wants \(missing.joined(separator: ", ")), "
          + "not in the daemon's environment: its messages wait")
    }
  }

  /// The cursors of consumers that begin at a time.
  static func starts(of scripts: Generation, in log: LogReader) throws -> [String: UInt64] {
    var starts: [String: UInt64] = [:]
    for consumer in scripts.consumers {
      guard case .time(let time) = consumer.from else { continue }
      starts[consumer.name] = try log.prefix(until: time).position.rawValue
    }
    return starts
  }

  private static func tell(_ outcome: ReloadOutcome, _ console: Console) {
    switch outcome {
    case .loaded(let generation, let isNew, let warnings):
      if isNew { console.write("info", "scripts", "generation \(generation) is live") }
      for warning in warnings { console.write("warning", "scripts", warning) }
    case .refused(let errors):
      for error in errors { console.write("error", "scripts", error) }
      console.write("error", "scripts", "the running generation stays until the folder loads")
    }
  }
}
