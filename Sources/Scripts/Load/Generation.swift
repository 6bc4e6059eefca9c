package import Events
package import LuaRuntime

/// An immutable, fully checked set of scripts. It gets its number when it is deployed.
package final class Generation: Sendable {
  package let files: [SourceFile]
  /// Consumers, aggregates and destinations.
  package let consumers: [ConsumerDeclaration]
  package let owners: CommandOwners
  private let stateHashes: [ContentHash]
  package let contracts: ContractSet
  package let projections: [ProjectionDeclaration]
  /// Where events come in from by themselves.
  package let sources: [SourceDeclaration]
  /// What happens when a time has come.
  package let schedules: [ScheduleDeclaration]
  /// What is probably wrong although it loads, one `file:line: what` each.
  package let warnings: [String]
  package let looseEnds: LooseEnds
  /// Of all paths and contents: equal fingerprints, equal generations.
  package let fingerprint: ContentHash
  private let limits: LuaLimits
  private let emits: [String: [SourceFacts.Emit]]
  private let circle: TypeCircle

  /// Which words exist and how they behave, as the log keeps it with every deploy.
  ///
  /// An instance of a process is its history, run again. When the same script with the same history does something else in a
  /// new version of the program, the instances that wait are lost. So the level is raised by one together with any change
  /// after which a script that ran before may make other effects, wait for something else or fail: a word that is taken
  /// away or returns another value, another order of a table, another budget of a step, other numbers from `random`. A host
  /// refuses to start over instances of another level, and names them. A new word, a new option and a better message
  /// leave it as it is: no history has used them.
  package static let preludeLevel: UInt32 = 1
  package static let luaVersion = "5.4"

  private init(
    _ loaded: LoadedScripts, files: [SourceFile], warnings: [String], _ types: TypeWarnings, limits: LuaLimits
  ) {
    self.files = files
    self.limits = limits
    self.warnings = warnings
    looseEnds = types.looseEnds(ContractSet(loaded.contracts.map(\.declaration)))
    consumers = loaded.consumers.map(\.declaration)
    owners = loaded.owners
    contracts = ContractSet(loaded.contracts.map(\.declaration))
    projections = loaded.projections.map(\.declaration)
    sources = loaded.sources.map(\.declaration)
    schedules = loaded.schedules
    stateHashes = Self.stateHashes(of: consumers, contracts, files)
    emits = loaded.emits
    fingerprint = Self.fingerprint(of: files)
    circle = TypeCircle(
      steps: consumers.filter { $0.destination == nil }.map { consumer in
        TypeCircle.Step(
          hears: consumer.handlers.map(\.pattern),
          emits: (loaded.emits[consumer.file, default: []] + loaded.sends[consumer.file, default: []]).map(\.type))
      })
  }

  /// Loads every script of a folder, and the modules they require. All errors of all files are told.
  /// - knownTypes: event types that the log has seen, for warnings of types that nobody makes.
  package static func load(
    _ files: [SourceFile], knownTypes: Set<String> = [], limits: LuaLimits = LuaLimits()
  ) -> Result<Generation, LoadErrors> {
    do throws(LuaError) {
      var loader = try Loader(files: files, logName: "", limits: limits, isChecking: true)
      guard let loaded = loader.load() else { return .failure(LoadErrors(loader.errors)) }
      let types = loader.typeWarnings(of: loaded, knownTypes: knownTypes)
      let warnings = loader.warnings(of: loaded, types)
      return .success(Generation(loaded, files: files, warnings: warnings, types, limits: limits))
    } catch {
      return .failure(LoadErrors([LoadError(file: "the prelude", what: error.message)]))
    }
  }

  /// A worker with states of its own, for one thread.
  package func makeWorker(hash: StableHash, logName: String, logID: (UInt64, UInt64)) throws -> ScriptWorker {
    var loader = try Loader(files: files, logName: logName, limits: limits, isChecking: false)
    guard let loaded = loader.load() else { throw LoadErrors(loader.errors) }
    return try ScriptWorker(loaded, hash: hash, logID: logID, circle: circle)
  }

  /// Of everything that decides what an aggregate makes of events: its script, and the contracts that make older events
  /// like newer ones.
  package func stateHash(of aggregate: Int) -> ContentHash { stateHashes[aggregate] }

  private static func stateHashes(
    of consumers: [ConsumerDeclaration], _ contracts: ContractSet, _ files: [SourceFile]
  ) -> [ContentHash] {
    var writer = ByteWriter(capacity: 256)
    if !contracts.isEmpty {
      let declaring = Set(contracts.all.map(\.file))
      for file in files where file.isModule || declaring.contains(file.path) {
        writer.append(file.path)
        writer.append(file.hash.bytes)
      }
    }
    let shared = ContentHash(of: writer.bytes)
    return consumers.map { ContentHash(of: $0.scriptHash.bytes + shared.bytes) }
  }

  /// The event types that a handler emits literally, as far as its source tells: those between its first line and the
  /// first line of the next handler of the file.
  package func emitted(by consumer: ConsumerDeclaration, _ handler: HandlerDeclaration) -> [String] {
    let starts = consumers.filter { $0.file == consumer.file }.flatMap { other in
      (other.handlers + (other.aggregate?.folds ?? [])).map(\.line) + [other.line]
    }
    let end = starts.filter { $0 > handler.line }.min() ?? .max
    var types: [String] = []
    for emit in emits[consumer.file, default: []] where emit.line >= handler.line && emit.line < end {
      if !types.contains(emit.type) { types.append(emit.type) }
    }
    return types
  }

  private static func fingerprint(of files: [SourceFile]) -> ContentHash {
    var writer = ByteWriter(capacity: files.count * 64)
    for file in files {
      writer.append(UInt32(file.path.utf8.count))
      writer.append(file.path)
      writer.append(file.hash.bytes)
    }
    return ContentHash(of: writer.bytes)
  }
}
