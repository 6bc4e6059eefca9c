internal import Events
internal import LuaRuntime

/// Scripts that ran in one interpreter, with their functions.
struct LoadedScripts {
  let interpreter: Interpreter
  var consumers: [LoadedConsumer] = []
  var contracts: [LoadedContract] = []
  var projections: [LoadedProjection] = []
  var sources: [LoadedSource] = []
  var schedules: [ScheduleDeclaration] = []
  /// Types that a file emits literally.
  var emits: [String: [SourceFacts.Emit]] = [:]
  /// Commands that a file sends literally.
  var sends: [String: [SourceFacts.Emit]] = [:]

  /// Destinations that a file publishes to literally.
  var messages: [String: [SourceFacts.Emit]] = [:]

  var owners: CommandOwners { CommandOwners(consumers.flatMap(\.commands)) }

  var destinations: DestinationSet { DestinationSet(consumers.map(\.declaration)) }

  /// What `reads` may name. Whatever else is folded from the log is added here, under a name of its own.
  var readable: [Readable] {
    projections.enumerated().map { Readable(name: $1.declaration.name, source: .projection($0)) }
      + consumers.enumerated().filter { $1.declaration.aggregate != nil }.map {
        Readable(name: $1.declaration.name, source: .aggregate($0))
      }
  }
}

struct LoadedConsumer {
  let declaration: ConsumerDeclaration
  /// In the order of the declaration's handlers.
  let handlers: [LuaRef]
  let key: KeyFunctions
  /// By the version of the state that they upgrade from.
  var upgrades: [UInt32: LuaRef] = [:]
  /// Of an aggregate, in the order of its declaration's folds.
  var folds: [LuaRef] = []
  var rule = RuleFunctions()
  /// Of a process: what its instances do.
  var run: LuaRef?
  /// Of a process, in the order of its declaration's `named`: what follows the path into an event; nil: it is its subject.
  var listens: [LuaRef?] = []

  /// Of an aggregate: what it decides.
  var commands: [CommandOwner] {
    guard declaration.aggregate != nil else { return [] }
    return declaration.handlers.map {
      CommandOwner(
        command: $0.pattern.text, aggregate: declaration.name, file: declaration.file, line: $0.line)
    }
  }

  /// Every function that the engine may call.
  var functions: [LuaRef] {
    handlers + folds + upgrades.sorted { $0.key < $1.key }.map(\.value) + key.all + rule.all
      + ([run] + listens).compactMap { $0 }
  }
}

struct LoadedProjection {
  var declaration: ProjectionDeclaration
  /// In the order of the declaration's handlers.
  let handlers: [LuaRef]
  let key: KeyFunctions

  var functions: [LuaRef] { handlers + key.all }
}

enum KeyFunctions {
  case none
  case one(LuaRef)
  /// A function for each pattern; nil stands for the subject.
  case perType(Hearing, [LuaRef?])

  var all: [LuaRef] {
    switch self {
    case .none: []
    case .one(let function): [function]
    case .perType(_, let functions): functions.compactMap { $0 }
    }
  }

  /// The function that computes the keys of an event of this type; nil: the key is the subject.
  func function(for type: UnsafeRawBufferPointer) -> LuaRef? {
    switch self {
    case .none: return nil
    case .one(let function): return function
    case .perType(let hearing, let functions): return hearing.index(forType: type).flatMap { functions[$0] }
    }
  }
}
