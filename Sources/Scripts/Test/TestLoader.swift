internal import Events
package import LuaRuntime

/// Runs files of tests in an interpreter of their own, and notes down what each test says.
package struct TestLoader {
  private let interpreter: Interpreter
  private let modules: LoadRun
  private let notes: TestNotes
  private var errors: [LoadError] = []

  /// Every test of the files, in their order; or everything that is wrong with them.
  /// - modules: what the files may require.
  package static func load(
    _ files: [SourceFile], modules: [SourceFile], limits: LuaLimits = LuaLimits()
  ) -> Result<[ScriptTest], LoadErrors> {
    do throws(LuaError) {
      var loader = try TestLoader(modules: modules, limits: limits)
      let tests = loader.load(files)
      return loader.errors.isEmpty ? .success(tests) : .failure(LoadErrors(loader.errors))
    } catch {
      return .failure(LoadErrors([LoadError(file: "the prelude", what: error.message)]))
    }
  }

  private init(modules: [SourceFile], limits: LuaLimits) throws(LuaError) {
    interpreter = try Interpreter(logName: "", limits: limits)
    self.modules = LoadRun(modules: modules)
    notes = TestNotes()
    let (notes, run, call, prelude) = (notes, self.modules, interpreter.call, interpreter.prelude)
    try interpreter.state.set(prelude, "words", .ref(.words))
    let place = interpreter.state.with(.privileged) { $0.withField("where") { $0.hold() } }
    guard let place else { throw LuaError(.host, "there is no memory for the prelude") }
    try interpreter.state.set(prelude, "where", .ref(place))
    try interpreter.state.register("declare", in: prelude) { notes.declare($0) }
    try interpreter.state.register("note", in: prelude) { notes.note($0) }
    try interpreter.state.register("unknown", in: prelude) { notes.unknown($0) }
    try interpreter.state.register("require") { [unowned interpreter] in run.require($0, call.phase, in: interpreter) }
    try interpreter.run(prelude: PackageResources.tests_lua, name: "prelude/tests.lua")
    notes.stage = interpreter.state.with(prelude) { $0.withField("stage") { $0.hold() } }
    try interpreter.seal()
  }

  private mutating func load(_ files: [SourceFile]) -> [ScriptTest] {
    var tests: [ScriptTest] = []
    for file in files where !interpreter.state.isDead {
      modules.start(file.path)
      notes.declared = []
      let known = modules.errors.count
      interpreter.call.phase = .loading
      defer { interpreter.call.phase = .idle }
      do throws(LuaError) {
        let environment = try interpreter.state.makeEnvironment()
        let chunk = try interpreter.state.load(file.bytes, name: file.path, environment: environment)
        let outcome = interpreter.state.call(chunk)
        errors += modules.errors[known...]
        if case .aborted = outcome { continue }
        if let error = outcome.error { throw error }
        if notes.declared.isEmpty {
          errors.append(
            LoadError(
              file: file.path, what: "has no test", hint: #"write test("what is promised", function(t) … end)"#))
        }
        for declared in notes.declared { if let test = try self.test(declared) { tests.append(test) } }
      } catch {
        errors.append(LoadError(error, in: file.path))
      }
    }
    return tests
  }

  private mutating func test(_ declared: TestNotes.Declared) throws(LuaError) -> ScriptTest? {
    notes.steps = []
    guard let stage = notes.stage else { return nil }
    notes.isNoting = true
    defer { notes.isNoting = false }
    if let error = interpreter.state.call(declared.body, .ref(stage)).error { throw error }
    if notes.steps.isEmpty {
      errors.append(
        LoadError(
          file: declared.file, line: declared.line, what: "the test \"\(declared.name)\" says nothing",
          hint: #"begin with t:when("Type", "subject", { … })"#))
    }
    return ScriptTest(name: declared.name, file: declared.file, line: declared.line, steps: notes.steps)
  }
}
