internal import Events
internal import LuaRuntime

/// Runs the files of a folder in one interpreter and gathers what they declare, and everything that is wrong.
struct Loader {
  let files: [SourceFile]
  private let interpreter: Interpreter
  private let run: LoadRun
  /// What the texts of the files say without running them; empty for a worker, whose files were checked before.
  private(set) var texts: [String: SourceTexts] = [:]
  let isChecking: Bool
  private(set) var errors: [LoadError] = []
  /// Names of projections and aggregates with errors of their own.
  private(set) var refusedReadables: [String] = []

  struct SourceTexts {
    let facts: SourceFacts
    let outline: SourceOutline
  }

  /// - isChecking: whether the sources themselves are examined too. A worker's were when its generation was loaded.
  init(files: [SourceFile], logName: String, limits: LuaLimits, isChecking: Bool) throws(LuaError) {
    self.files = files
    self.isChecking = isChecking
    interpreter = try Interpreter(logName: logName, limits: limits)
    run = LoadRun(modules: files.filter(\.isModule))
    try registerDeclarations()
    try interpreter.run(prelude: PackageResources.declarations_lua, name: "prelude/declarations.lua")
    try interpreter.run(prelude: PackageResources.keys_lua, name: "prelude/keys.lua")
    try interpreter.run(prelude: PackageResources.rules_lua, name: "prelude/rules.lua")
    try interpreter.run(prelude: PackageResources.documents_lua, name: "prelude/documents.lua")
    try interpreter.run(prelude: PackageResources.process_lua, name: "prelude/process.lua")
    try interpreter.run(prelude: PackageResources.requests_lua, name: "prelude/requests.lua")
    try interpreter.seal()
  }

  private func registerDeclarations() throws(LuaError) {
    let (run, call) = (run, interpreter.call)
    try interpreter.state.set(interpreter.prelude, "words", .ref(.words))
    let place = interpreter.state.with(.privileged) { $0.withField("where") { $0.hold() } }
    guard let place else { throw LuaError(.host, "there is no memory for the prelude") }
    try interpreter.state.set(interpreter.prelude, "where", .ref(place))
    try interpreter.state.register("begin", in: interpreter.prelude) { run.begin($0, call.phase) }
    try interpreter.state.register("finish", in: interpreter.prelude) { run.finish($0) }
    try interpreter.state.register("env") { Self.env($0, call) }
    try interpreter.state.register("require") { [unowned interpreter] in
      run.require($0, call.phase, in: interpreter)
    }
  }

  /// `env "NAME"`: a place for what the daemon's environment holds when a message goes out. The value itself never gets
  /// into a script.
  private static func env(_ arguments: borrowing LuaCall, _ call: CallState) -> LuaReply {
    guard call.phase == .loading else {
      return .error(
        "env works in a destination or a source\n  a handler sees the event and its state, and nothing else")
    }
    guard let name = arguments[0].text, Template.isVariable(name) else {
      return .error("env wants the name of an environment variable\n  write env \"WAREHOUSE_URL\"")
    }
    arguments.add("{env:\(name)}")
    return .done
  }

  mutating func report(_ error: LoadError) { errors.append(error) }

  /// What the sources say, by file in the order of the names.
  var sourceFacts: [(file: String, facts: SourceFacts)] {
    texts.map { ($0.key, $0.value.facts) }.sorted { $0.0 < $1.0 }
  }

  /// Nil when there are errors.
  mutating func load() -> LoadedScripts? {
    interpreter.call.phase = .loading
    defer { interpreter.call.phase = .idle }
    if isChecking { checkSources() }
    var loaded = LoadedScripts(interpreter: interpreter)
    let broken = Set(errors.map(\.file))
    run.brokenModules = broken
    for file in files where !file.isModule && !broken.contains(file.path) {
      if interpreter.state.isDead { break }
      load(file, into: &loaded)
    }
    errors += run.errors
    addUpcasts(to: &loaded.projections, by: loaded.contracts.map(\.declaration))
    checkOwners(of: loaded)
    checkRules(loaded)
    checkReads(loaded)
    checkTargets(loaded)
    checkSchedules(&loaded)
    settle(loaded)
    loaded.emits = texts.mapValues(\.facts.emits)
    loaded.sends = texts.mapValues(\.facts.sends)
    loaded.messages = texts.mapValues(\.facts.messages)
    addRules(to: &loaded)
    return errors.isEmpty ? loaded : nil
  }

  // MARK: sources

  private mutating func checkSources() {
    for file in files where !interpreter.state.isDead {
      let tokens = Tokens(file.bytes)
      do throws(LuaError) {
        let environment = try interpreter.state.makeEnvironment()
        interpreter.state.release(try interpreter.state.load(file.bytes, name: file.path, environment: environment))
        interpreter.state.release(environment)
      } catch {
        errors.append(compileError(error, in: file, tokens))
        continue
      }
      let facts = SourceFacts(tokens)
      texts[file.path] = SourceTexts(facts: facts, outline: SourceOutline(tokens))
      errors += NameCheck(file: file.path, facts: facts, known: interpreter.known).errors
    }
  }

  private func compileError(_ error: LuaError, in file: SourceFile, _ tokens: Tokens) -> LoadError {
    if file.bytes.first == 0x1B {
      return LoadError(
        file: file.path, what: "is compiled Lua; a script is source text", hint: "copy the source here instead")
    }
    guard error.code == .syntax, let position = error.position, position.file == file.path else {
      return LoadError(error, in: file.path)
    }
    return SyntaxHint(tokens: tokens, line: position.line, message: position.text).error(file: file.path)
  }

  // MARK: running

  private mutating func load(_ file: SourceFile, into loaded: inout LoadedScripts) {
    run.start(file.path)
    do throws(LuaError) {
      let environment = try interpreter.state.makeEnvironment()
      let chunk = try interpreter.state.load(file.bytes, name: file.path, environment: environment)
      let outcome = interpreter.state.call(chunk)
      // A broken module has been told of; that who requires it does not load goes without saying.
      if case .aborted = outcome { return }
      if let error = outcome.error { throw error }
      try interpreter.state.freezeEnvironment(environment)
      interpreter.state.release(chunk)
    } catch {
      errors.append(LoadError(error, in: file.path))
      return
    }
    if run.declared.isEmpty { errors.append(declaresNothing(file)) }
    let hash = scriptHash(of: file)
    for declared in run.declared {
      switch declared.word {
      case "projection": addProjection(declared, hash, in: file, to: &loaded)
      case "contract": addContract(declared, to: &loaded)
      case "source":
        let (source, errors) = readSource(declared, interpreter, among: loaded.sources.map(\.declaration))
        self.errors += errors
        if let source { loaded.sources.append(source) }
      case "schedule":
        let (schedule, errors) = readSchedule(declared, interpreter, among: loaded.schedules)
        self.errors += errors
        if let schedule { loaded.schedules.append(schedule) }
      default: add(declared, hash, to: &loaded)
      }
    }
  }

  private mutating func addProjection(
    _ declared: LoadRun.Declared, _ hash: ContentHash, in file: SourceFile, to loaded: inout LoadedScripts
  ) {
    var reader = ProjectionReader(
      declared: declared, interpreter: interpreter, outline: texts[declared.file]?.outline)
    let projection = reader.read(scriptHash: hash, files: [file.path] + run.requirements(of: file.path))
    errors += reader.errors
    let others = loaded.projections.map(\.declaration)
    if let other = others.first(where: { $0.name.utf8.elementsEqual(declared.name.utf8) }) {
      errors.append(Self.doubled(declared, other.file, other.line))
    } else if let projection {
      loaded.projections.append(projection)
    } else {
      refusedReadables.append(declared.name)
    }
  }

  static func doubled(
    _ declared: LoadRun.Declared, _ file: String, _ line: Int, word: String? = nil
  ) -> LoadError {
    LoadError(
      file: declared.file, line: declared.line,
      what: "there is another \(word ?? declared.word) \"\(declared.name)\": \(file):\(line)",
      hint: declared.word == "contract" ? "an event type has one contract" : "each has a name of its own")
  }

  private mutating func add(_ declared: LoadRun.Declared, _ hash: ContentHash, to loaded: inout LoadedScripts) {
    var reader = BodyReader(
      declared: declared, scriptHash: hash, interpreter: interpreter, outline: texts[declared.file]?.outline)
    let consumer = reader.read()
    errors += reader.errors
    if let other = loaded.consumers.first(where: { $0.declaration.name.utf8.elementsEqual(declared.name.utf8) }) {
      errors.append(
        Self.doubled(declared, other.declaration.file, other.declaration.line, word: other.declaration.word))
    } else if let consumer {
      loaded.consumers.append(consumer)
    } else if declared.word == "aggregate" {
      refusedReadables.append(declared.name)
    }
  }

  /// A destination for each document needs the projection that makes them.
  private mutating func checkTargets(_ loaded: LoadedScripts) {
    let names = loaded.projections.map(\.declaration.name)
    for declaration in loaded.consumers.map(\.declaration) {
      guard let each = declaration.destination?.each,
        !(names + refusedReadables).contains(where: { $0.utf8.elementsEqual(each.utf8) })
      else { continue }
      let near = NearestName.of(each, among: names).map { "did you mean \"\($0)\"?" }
      let line = texts[declaration.file]?.outline.line(of: ["each"], in: declaration.name, near: declaration.line)
      errors.append(
        LoadError(
          file: declaration.file, line: line ?? declaration.line,
          what:
            "destination \"\(declaration.name)\" is for each document of \"\(each)\", and there is no such projection",
          hint: near ?? "write projection \"\(each)\" { on = { … } }"))
    }
  }

  private mutating func addContract(_ declared: LoadRun.Declared, to loaded: inout LoadedScripts) {
    var reader = ContractReader(
      declared: declared, interpreter: interpreter, outline: texts[declared.file]?.outline)
    let contract = reader.read()
    errors += reader.errors
    guard let contract else { return }
    if let other = loaded.contracts.first(where: { $0.declaration.type == declared.name })?.declaration {
      errors.append(Self.doubled(declared, other.file, other.line))
    } else {
      loaded.contracts.append(contract)
    }
  }

  private func declaresNothing(_ file: SourceFile) -> LoadError {
    let function = texts[file.path]?.facts.globals.first { $0.isWrite && !$0.isInFunction }
    let entry = function.map { "\($0.name) = function(event) … end" } ?? "…"
    return LoadError(
      file: file.path, what: "declares nothing",
      hint: "a handler belongs to a consumer: write consumer \"name\" { on = { \(entry) } }")
  }

  /// Older events reach a projection as its contracts make them, so those are part of the code that folds it.
  private func addUpcasts(to projections: inout [LoadedProjection], by contracts: [ContractDeclaration]) {
    let upcasting = contracts.filter { $0.version > 1 }
    for index in projections.indices {
      let own = projections[index].declaration
      let heard = upcasting.filter { contract in
        contract.file != own.file && Array(contract.type.utf8).withUnsafeBytes { own.handler(forType: $0) != nil }
      }
      let others = Set(heard.map(\.file)).sorted().compactMap { path in files.first { $0.path == path } }
      if others.isEmpty { continue }
      var writer = ByteWriter(capacity: 128)
      writer.append(own.scriptHash.bytes)
      for file in others {
        writer.append(scriptHash(of: file).bytes)
        let known = projections[index].declaration.files
        let paths = [file.path] + run.requirements(of: file.path)
        projections[index].declaration.files += paths.filter { !known.contains($0) }
      }
      projections[index].declaration.scriptHash = ContentHash(of: writer.bytes)
    }
  }

  /// Of the file and of every module that it requires, however deep.
  private func scriptHash(of file: SourceFile) -> ContentHash {
    var writer = ByteWriter(capacity: 256)
    writer.append(file.hash.bytes)
    for path in run.requirements(of: file.path) {
      guard let module = files.first(where: { $0.path == path }) else { continue }
      writer.append(UInt32(module.path.utf8.count))
      writer.append(module.path)
      writer.append(module.hash.bytes)
    }
    return ContentHash(of: writer.bytes)
  }

  /// What belongs to a file is read-only from now on, and a handler that would change it is an error.
  private mutating func settle(_ loaded: LoadedScripts) {
    typealias Owner = (name: String, file: String, line: Int, hint: String)
    var functions: [(owner: Owner, function: LuaRef)] = []
    for consumer in loaded.consumers {
      let declaration = consumer.declaration
      let owner: Owner = (
        declaration.name, declaration.file, declaration.line,
        declaration.process == nil ? StateHint.remember : StateHint.inRun
      )
      functions += consumer.functions.map { (owner, $0) }
    }
    for projection in loaded.projections {
      let declaration = projection.declaration
      let owner: Owner = (declaration.name, declaration.file, declaration.line, StateHint.inDocument)
      functions += projection.functions.map { (owner, $0) }
    }
    for source in loaded.sources {
      let declaration = source.declaration
      let owner: Owner = (declaration.name, declaration.file, declaration.line, StateHint.inRequest)
      if let event = source.event { functions.append((owner, event)) }
    }
    for contract in loaded.contracts {
      let declaration = contract.declaration
      let owner: Owner = (declaration.type, declaration.file, declaration.line, StateHint.remember)
      functions += contract.functions.map { (owner, $0) }
    }
    do throws(LuaError) {
      for (owner, function) in functions where isChecking {
        for assignment in try interpreter.state.assignments(in: function) {
          errors.append(
            LoadError(
              file: assignment.file, line: assignment.line > 0 ? assignment.line : owner.line,
              what: "\"\(assignment.name)\" belongs to the file and would be lost", hint: owner.hint))
        }
      }
      for (owner, function) in functions { try interpreter.state.freeze(function, name: owner.name) }
    } catch {
      errors.append(LoadError(error, in: functions[0].owner.file))
    }
  }
}

extension LoadError {
  /// An error of Lua: a message whose second line, if it has one, is the hint.
  init(_ error: LuaError, in file: String) {
    let position = error.position
    let parts = (position?.text ?? error.message).split(separator: "\n", maxSplits: 1)
    self.init(
      file: position?.file ?? file, line: position?.line, what: parts.first.map(String.init) ?? "does not load",
      hint: parts.count > 1 ? String(parts[1].drop { $0 == " " }) : nil)
  }
}
