internal import Events
internal import LuaRuntime

/// What the file that is being run has declared and required so far: the host's side of the words that declare.
final class LoadRun {
  struct Declared {
    let word: String
    let name: String
    /// Where the word stands: the script, or a module whose function the script called.
    let file: String
    let line: Int
    /// Nil for a word without a body.
    var body: LuaRef?
  }

  private(set) var declared: [Declared] = []
  private let modules: ModuleLoader
  private var file = ""
  /// How many declarations there were before those of this file.
  private var offset = 0
  private var requires: [String: Set<String>] = [:]

  init(modules: [SourceFile]) { self.modules = ModuleLoader(files: modules) }

  /// What was wrong in modules.
  var errors: [LoadError] { modules.errors }

  /// Modules that are known not to load.
  var brokenModules: Set<String> {
    get { modules.broken }
    set { modules.broken = newValue }
  }

  func start(_ file: String) {
    self.file = file
    offset += declared.count
    declared = []
    requires[file] = []
  }

  /// Every module that a file requires, directly or through others, sorted.
  func requirements(of file: String) -> [String] {
    var found: Set<String> = []
    var open = Array(requires[file] ?? [])
    while let next = open.popLast() {
      if found.insert(next).inserted { open += requires[next] ?? [] }
    }
    return found.sorted()
  }

  /// `begin(word, where, name)`: a declaration stands here. Gives the number to finish it by.
  func begin(_ arguments: borrowing LuaCall, _ phase: Interpreter.Phase) -> LuaReply {
    let word = arguments[0].text ?? ""
    let place = arguments[1].text ?? ""
    guard phase == .loading else {
      return .bareError("\(place)\(word) declares: it stands in the file, not in a handler")
    }
    if modules.current != nil {
      return .bareError(
        "\(place)a module declares nothing\n  write \(word) in a file beside \(SourceFile.moduleFolder)/")
    }
    guard let name = arguments[2].string else {
      return .bareError(
        "\(place)\(Self.article(word)) has a name\n  write \(word) \"name\" \(Self.bodyHint(word))")
    }
    guard NameRule.declaration.allows(name), String(validating: name, as: UTF8.self) != nil else {
      return .bareError(
        "\(place)the name of \(Self.article(word)) is UTF-8 text without control characters, 1 to "
          + "\(NameRule.maximumDeclarationBytes) bytes")
    }
    let at = LuaError(.script, place).position
    declared.append(Declared(word: word, name: name.text, file: at?.file ?? file, line: at?.line ?? 1, body: nil))
    arguments.add(.integer(Int64(offset + declared.count)))
    return .done
  }

  /// `finish(number, where, body)`: its body.
  func finish(_ arguments: borrowing LuaCall) -> LuaReply {
    let place = arguments[1].text ?? ""
    let index = Int(arguments[0].integer ?? 0) - 1 - offset
    guard declared.indices.contains(index) else {
      return .bareError("\(place)the body of a declaration stands behind its name, in the same file")
    }
    let (word, name) = (declared[index].word, declared[index].name)
    guard arguments[2].kind == .table else {
      return .bareError(
        "\(place)the body of \(word) \"\(name)\" is \(BodyReader.article(arguments[2]))\n"
          + "  write \(word) \"\(name)\" \(Self.bodyHint(word))")
    }
    guard declared[index].body == nil else { return .bareError("\(place)\(word) \"\(name)\" has two bodies") }
    declared[index].body = arguments[2].hold()
    return .done
  }

  /// What stands behind the name, in short.
  static func bodyHint(_ word: String) -> String {
    switch word {
    case "aggregate": "{ events = { … }, commands = { … } }"
    case "rule": "{ when = \"OrderPlaced\", emit = \"…\" }"
    case "process": "{ starts = \"OrderPlaced\", run = function(event) … end }"
    case "destination": "{ http = env \"…\" }"
    case "schedule": "{ cron = \"30 2 * * *\", emit = \"…\" }"
    case "source": "{ http = \"psp\", verify = { … }, event = function(request) … end }"
    default: "{ on = { … } }"
    }
  }

  private static func article(_ word: String) -> String { word == "aggregate" ? "an aggregate" : "a \(word)" }

  func require(_ arguments: borrowing LuaCall, _ phase: Interpreter.Phase, in interpreter: Interpreter) -> LuaReply {
    guard phase == .loading else {
      return .error(
        "require works while the file loads\n  write local name = require \"lib.name\" at the top of the file")
    }
    guard let name = arguments[0].text else { return .error("require wants a name\n  write require \"lib.name\"") }
    let from = modules.current ?? file
    switch modules.require(name, in: interpreter) {
    case .module(let value):
      requires[from, default: []].insert(ModuleLoader.path(of: name))
      arguments.add(.ref(value))
      return .done
    case .missing(let message): return .error(message)
    case .broken: return .abort(kind: Interpreter.Abort.brokenModule, message: name)
    }
  }
}
