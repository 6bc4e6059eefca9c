internal import LuaRuntime

/// Runs modules: each once, when it is first required, and read-only afterwards.
final class ModuleLoader {
  struct Failure: Error {
    let message: String
    /// Whether the message begins with file and line already.
    let isPlaced: Bool
  }

  private let files: [SourceFile]
  private let interpreter: Interpreter
  private var loaded: [String: LuaRef] = [:]
  /// Modules that are being run, outermost first.
  private var running: [String] = []
  /// Errors in modules; scripts that require them fail for the same reason and need not say it again.
  private(set) var errors: [LoadError] = []
  private var failed: [String: String] = [:]

  init(files: [SourceFile], interpreter: Interpreter) {
    self.files = files.filter(\.isModule)
    self.interpreter = interpreter
  }

  /// The module that is being run, if one is.
  var current: String? { running.last }

  static func path(of name: String) -> String {
    name.split(separator: ".", omittingEmptySubsequences: false).joined(separator: "/") + ".lua"
  }

  func require(_ name: String) -> Result<LuaRef, Failure> {
    let path = Self.path(of: name)
    if let ref = loaded[path] { return .success(ref) }
    if let message = failed[path] { return .failure(Failure(message: message, isPlaced: true)) }
    guard let file = files.first(where: { $0.path == path }) else {
      return .failure(Failure(message: missing(name, path), isPlaced: false))
    }
    if let start = running.firstIndex(of: path) {
      let circle = (running[start...] + [path]).joined(separator: " → ")
      return .failure(Failure(message: "modules require each other in a circle: \(circle)", isPlaced: false))
    }
    running.append(path)
    defer { running.removeLast() }
    do throws(LuaError) {
      let ref = try run(file)
      loaded[path] = ref
      return .success(ref)
    } catch {
      failed[path] = error.message
      errors.append(
        error.position.map { LoadError($0.file, $0.line, $0.text) } ?? LoadError(file: path, what: error.message))
      return .failure(Failure(message: error.message, isPlaced: true))
    }
  }

  private func run(_ file: SourceFile) throws(LuaError) -> LuaRef {
    let environment = try interpreter.state.makeEnvironment()
    let chunk = try interpreter.state.load(file.bytes, name: file.path, environment: environment)
    var result: LuaRef?
    let outcome = interpreter.state.call(chunk, []) { results in result = results.count > 0 ? results[0].hold() : nil }
    if let error = outcome.error { throw error }
    try interpreter.state.freezeEnvironment(environment)
    guard let result else {
      throw LuaError(.script, "\(file.path):1: the module returns nothing\n  end it with return and what it offers")
    }
    return result
  }

  private func missing(_ name: String, _ path: String) -> String {
    let inLib = "\(SourceFile.moduleFolder)."
    if !name.hasPrefix(inLib) {
      if ["socket", "http", "io", "os", "cjson", "lfs", "ssl"].contains(where: { name == $0 || name.hasPrefix($0 + ".") }) {
        return "there is no module \"\(name)\"\n  scripts do no I/O: emit an event that says what happened, and let who hears it act"
      }
      let hint = files.contains { $0.path == Self.path(of: inLib + name) } ? inLib + name : "\(inLib)name"
      return "there is no module \"\(name)\"\n  modules lie in \(SourceFile.moduleFolder)/: write require \"\(hint)\""
    }
    let names = files.map { String($0.path.dropLast(4)).replacing("/", with: ".") }
    let near = NearestName.of(name, among: names.sorted()).map { "\n  did you mean \($0)?" } ?? ""
    return "there is no file \(path)\(near)"
  }
}
