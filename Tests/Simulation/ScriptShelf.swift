import Events
import LuaRuntime
import Scripts

/// Every script that a run may deploy, found by its content as the log names it.
final class ScriptShelf {
  private(set) var behaviours: [ContentHash: Behaviour] = [:]
  private var loaded: [[Behaviour]: Generation] = [:]

  func add(_ behaviour: Behaviour) {
    behaviours[ContentHash(of: Array(behaviour.script.utf8))] = behaviour
  }

  /// The generation of these scripts.
  func load(_ chosen: [Behaviour]) -> Generation {
    if let generation = loaded[chosen] { return generation }
    let files = chosen.sorted { $0.name < $1.name }.map { SourceFile(path: $0.path, text: $0.script) }
    switch Generation.load(files, limits: Self.limits) {
    case .success(let generation):
      loaded[chosen] = generation
      return generation
    case .failure(let errors): preconditionFailure("the scripts of the simulation load: \(errors)")
    }
  }

  /// A call ends by its instructions, never by the clock of a machine that may be busy with something else.
  private static let limits = {
    var limits = LuaLimits()
    limits.nanoseconds = 600_000_000_000
    limits.compileNanoseconds = 600_000_000_000
    return limits
  }()
}
