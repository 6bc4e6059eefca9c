internal import Events
internal import LuaRuntime

/// Runs the files of a folder in one interpreter and gathers what they declare, and everything that is wrong.
struct Loader {
  private let files: [SourceFile]
  private let logName: String
  private let limits: LuaLimits
  private(set) var errors: [LoadError] = []
  private var sources: [String: SourceTexts] = [:]
  private let run = LoadRun()

  /// What the text of a file says without running it.
  struct SourceTexts {
    let tokens: Tokens
    let facts: SourceFacts
    let outline: SourceOutline
  }

  init(files: [SourceFile], logName: String, limits: LuaLimits) {
    self.files = files
    self.logName = logName
    self.limits = limits
  }

  /// Nil when there are errors.
  mutating func load() -> LoadedScripts? {
    do throws(LuaError) {
      let interpreter = try Interpreter(logName: logName, limits: limits)
      var loaded = LoadedScripts(interpreter: interpreter)
      try registerDeclarations(interpreter)
      try interpreter.run(prelude: PackageResources.declarations_lua, name: "prelude/declarations.lua")
      try interpreter.run(prelude: PackageResources.keys_lua, name: "prelude/keys.lua")
      try interpreter.seal()
      run.modules = ModuleLoader(files: files, interpreter: interpreter)
      for file in files { check(file, interpreter) }
      for file in files where !file.isModule && !errors.contains(where: { $0.file == file.path }) {
        load(file, interpreter, &loaded)
      }
      errors += run.modules?.errors ?? []
      return errors.isEmpty ? loaded : nil
    } catch {
      errors.append(LoadError(file: "prelude", what: error.message))
    }
    return nil
  }

  private func registerDeclarations(_ interpreter: Interpreter) throws(LuaError) {
    let run = run
    try interpreter.state.set(interpreter.prelude, "words", .ref(.words))
    interpreter.state.with(.privileged) { functions in
      functions.withField("where") { function in
        if let function = function.hold() { try? interpreter.state.set(interpreter.prelude, "where", .ref(function)) }
      }
    }
    try interpreter.state.register("begin", in: interpreter.prelude) { run.begin($0) }
    try interpreter.state.register("finish", in: interpreter.prelude) { run.finish($0) }
    try interpreter.state.register("require") { run.require($0, interpreter.call) }
  }

  /// Finds what the text alone gives away: names that mean nothing, before they are called.
  private mutating func check(_ file: SourceFile, _ interpreter: Interpreter) {
    let tokens = Tokens(file.bytes)
    do throws(LuaError) {
      let environment = try interpreter.state.makeEnvironment()
      let chunk = try interpreter.state.load(file.bytes, name: file.path, environment: environment)
      interpreter.state.release(chunk)
      interpreter.state.release(environment)
    } catch {
      errors.append(loadError(error, in: file, tokens))
      return
    }
    let texts = SourceTexts(tokens: tokens, facts: SourceFacts(tokens), outline: SourceOutline(tokens))
    sources[file.path] = texts
    errors += NameCheck(file: file.path, facts: texts.facts, known: interpreter.known).errors
  }

  private func loadError(_ error: LuaError, in file: SourceFile, _ tokens: Tokens) -> LoadError {
    guard let position = error.position, position.file == file.path else {
      return LoadError(file: file.path, what: error.message)
    }
    if error.code == .syntax {
      return SyntaxHint(tokens: tokens, line: position.line, message: position.text).error(file: file.path)
    }
    return LoadError(position.file, position.line, position.text)
  }

  private mutating func load(_ file: SourceFile, _ interpreter: Interpreter, _ loaded: inout LoadedScripts) {
    guard let texts = sources[file.path] else { return }
    run.start(file.path)
    let environment: LuaRef
    do throws(LuaError) {
      environment = try interpreter.state.makeEnvironment()
      let chunk = try interpreter.state.load(file.bytes, name: file.path, environment: environment)
      if let error = interpreter.state.call(chunk).error { throw error }
      try interpreter.state.freezeEnvironment(environment)
    } catch {
      if run.modules?.errors.contains(where: { $0.description == error.message }) != true {
        errors.append(error.position.map { LoadError($0.file, $0.line, $0.text) } ?? LoadError(file: file.path, what: error.message))
      }
      return
    }
    loaded.emits[file.path] = texts.facts.emits
    if run.declared.isEmpty { errors.append(declaresNothing(file, texts.facts)) }
    for declared in run.declared {
      var reader = BodyReader(
        declared: declared, file: file.path, scriptHash: scriptHash(of: file), interpreter: interpreter,
        outline: texts.outline)
      let consumer = reader.read()
      errors += reader.errors
      guard let consumer else { continue }
      if let other = loaded.consumers.first(where: { $0.declaration.name == declared.name })?.declaration {
        errors.append(
          LoadError(
            file: file.path, line: declared.line,
            what: "there is another consumer \"\(declared.name)\": \(other.file):\(other.line)",
            hint: "each has a name of its own"))
      } else {
        loaded.consumers.append(consumer)
      }
    }
  }

  private func declaresNothing(_ file: SourceFile, _ facts: SourceFacts) -> LoadError {
    let function = facts.globals.first { $0.isWrite && !$0.isInFunction }
    let entry = function.map { "\($0.name) = function(event) … end" } ?? "…"
    return LoadError(
      file: file.path, what: "declares nothing",
      hint: "a handler belongs to a consumer: write consumer \"name\" { on = { \(entry) } }")
  }

  /// Of the file and of every module that it requires, however deep.
  private func scriptHash(of file: SourceFile) -> ContentHash {
    var writer = ByteWriter(capacity: 256)
    writer.append(file.hash.bytes)
    for path in run.requirements(of: file.path) {
      if let module = files.first(where: { $0.path == path }) {
        writer.append(module.path)
        writer.append(module.hash.bytes)
      }
    }
    return ContentHash(of: writer.bytes)
  }
}

extension Loader {
  func warnings(of loaded: LoadedScripts, knownTypes: Set<String>) -> [String] {
    var warnings: [String] = []
    for file in files {
      guard let texts = sources[file.path] else { continue }
      for key in texts.outline.repeatedKeys {
        warnings.append(
          "\(file.path):\(key.last): \"\(key.key)\" stands here and in line \(key.first): Lua keeps the last")
      }
      warnings += fieldWarnings(file, texts.facts, loaded)
    }
    let heard = loaded.consumers.flatMap { consumer in
      consumer.declaration.handlers.map { handler in
        let line = sources[consumer.declaration.file]?.outline.line(
          of: ["on", handler.pattern.description], in: consumer.declaration.name, near: consumer.declaration.line)
        return TypeWarnings.Heard(
          consumer: consumer.declaration.name, pattern: handler.pattern, file: consumer.declaration.file,
          line: line ?? handler.line)
      }
    }
    let made = loaded.emits.sorted { $0.key < $1.key }.flatMap { file, emits in
      emits.map { TypeWarnings.Made(type: $0.type, file: file, line: $0.line) }
    }
    return warnings + TypeWarnings(heard: heard, made: made, known: knownTypes).all
  }

  /// `event.price` in a handler, where `event.data.price` was probably meant.
  private func fieldWarnings(_ file: SourceFile, _ facts: SourceFacts, _ loaded: LoadedScripts) -> [String] {
    let handlers = Set(
      loaded.consumers.filter { $0.declaration.file == file.path }.flatMap { $0.declaration.handlers.map(\.line) })
    let fields = Words.event.keys.map(\.name)
    return facts.parameterFields.compactMap { access in
      guard handlers.contains(access.functionLine), !fields.contains(access.field) else { return nil }
      let meant = NearestName.of(access.field, among: fields).map { "\(access.parameter).\($0)" }
      return "\(file.path):\(access.line): an event has no field \"\(access.field)\": did you mean "
        + "\(meant ?? "\(access.parameter).data.\(access.field)")?"
    }
  }
}

extension LoadError {
  /// A message whose second line, if it has one, is the hint.
  init(_ file: String, _ line: Int, _ text: String) {
    let parts = text.split(separator: "\n", maxSplits: 1)
    self.init(
      file: file, line: line, what: parts.first.map(String.init) ?? text,
      hint: parts.count > 1 ? String(parts[1].drop { $0 == " " }) : nil)
  }
}
