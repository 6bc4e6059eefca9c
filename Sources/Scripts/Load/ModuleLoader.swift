internal import LuaRuntime

/// Runs modules: each once, when it is first required, and read-only afterwards. A class, since a module that is being
/// run requires others.
final class ModuleLoader {
  enum Answer {
    /// What the module returned.
    case module(LuaRef)
    /// There is none of this name, or it cannot be had here.
    case missing(String)
    /// It does not load, for a reason that is among `errors` or was known before.
    case broken
  }

  private let files: [SourceFile]
  private var loaded: [String: LuaRef] = [:]
  /// Modules that are being run, outermost first.
  private var running: [String] = []
  /// Modules that do not load, by path.
  var broken: Set<String> = []
  private(set) var errors: [LoadError] = []

  init(files: [SourceFile]) { self.files = files }

  /// The module that is being run, if one is.
  var current: String? { running.last }

  /// Every module that ran, with what it returned, by path.
  var all: [(path: String, value: LuaRef)] { loaded.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }

  /// `lib/money.lua` for `lib.money`.
  static func path(of name: String) -> String {
    name.split(separator: ".", omittingEmptySubsequences: false).joined(separator: "/") + ".lua"
  }

  func require(_ name: String, in interpreter: Interpreter) -> Answer {
    let path = Self.path(of: name)
    if let value = loaded[path] { return .module(value) }
    guard let file = files.first(where: { $0.path == path }) else { return .missing(missing(name, path)) }
    if let start = running.firstIndex(of: path) {
      let circle = (running[start...] + [path]).joined(separator: " → ")
      return .missing(
        "modules require each other in a circle: \(circle)\n  move what they share into a module of its own")
    }
    if broken.contains(path) { return .broken }
    running.append(path)
    defer { running.removeLast() }
    do throws(LuaError) {
      guard let value = try run(file, in: interpreter) else {
        broken.insert(path)
        return .broken
      }
      loaded[path] = value
      return .module(value)
    } catch {
      broken.insert(path)
      errors.append(LoadError(error, in: path))
      return .broken
    }
  }

  /// Nil when a module that it requires is broken.
  private func run(_ file: SourceFile, in interpreter: Interpreter) throws(LuaError) -> LuaRef? {
    let environment = try interpreter.state.makeEnvironment()
    let chunk = try interpreter.state.load(file.bytes, name: file.path, environment: environment)
    var value: LuaRef?
    let outcome = interpreter.state.call(chunk, []) { results in
      value = results.count > 0 && !results[0].isNone ? results[0].hold() : nil
    }
    if case .aborted = outcome { return nil }
    if let error = outcome.error { throw error }
    guard let value else {
      let last = file.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).count
      throw LuaError(
        .script, "\(file.path):\(last): the module returns nothing\n  end it with return and what it offers")
    }
    try interpreter.state.freezeEnvironment(environment)
    try interpreter.state.freeze(value, name: file.path)
    interpreter.state.release(chunk)
    return value
  }

  private func missing(_ name: String, _ path: String) -> String {
    let inLib = SourceFile.moduleFolder + "."
    guard name.hasPrefix(inLib) else {
      let isOutside = Self.outside.contains { name == $0 || name.hasPrefix($0 + ".") }
      if isOutside { return "there is no module \"\(name)\"\n  \(NameCheck.noInputOutput)" }
      let known = files.contains { $0.path == Self.path(of: inLib + name) }
      return "there is no module \"\(name)\"\n"
        + "  modules lie in \(SourceFile.moduleFolder)/: write require \"\(inLib)\(known ? name : "name")\""
    }
    let names = files.map { $0.path.dropLast(4).split(separator: "/").joined(separator: ".") }
    let near = NearestName.of(name, among: names.sorted()).map { "\n  did you mean \($0)?" }
    return "there is no file \(path)" + (near ?? "")
  }

  /// Modules that people know from elsewhere.
  private static let outside = [
    "socket", "http", "io", "os", "cjson", "lfs", "ssl", "posix", "luasql", "resty", "redis",
  ]
}
