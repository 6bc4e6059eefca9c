internal import Events
internal import LuaRuntime

/// What the file that is being run has declared so far: the host's side of the words that declare.
final class LoadRun {
  struct Declared {
    let word: String
    let name: String
    let line: Int
    /// Nil for a word without a body.
    var body: LuaRef?
  }

  var modules: ModuleLoader?
  private(set) var declared: [Declared] = []
  private var file = ""
  private var requires: [String: Set<String>] = [:]

  func start(_ file: String) {
    self.file = file
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

  /// `begin(word, where, name)`: a declaration stands here.
  func begin(_ arguments: borrowing LuaCall) -> LuaReply {
    let word = arguments[0].text ?? ""
    let place = arguments[1].text ?? ""
    if modules?.current != nil {
      return .bareError("\(place)a module declares nothing: write \(word) in a file beside lib/")
    }
    guard let name = arguments[2].string else {
      return .bareError("\(place)a \(word) has a name\n  write \(word) \"name\" { on = { … } }")
    }
    guard NameRule.declaration.allows(name) else {
      return .bareError("\(place)a name is 1 to \(NameRule.maximumDeclarationBytes) bytes without control characters")
    }
    let line = place.split(separator: ":").dropFirst().first.flatMap { Int($0) } ?? 0
    declared.append(Declared(word: word, name: name.text, line: line, body: nil))
    arguments.add(.integer(Int64(declared.count)))
    return .done
  }

  /// `finish(number, body)`: its body.
  func finish(_ arguments: borrowing LuaCall) -> LuaReply {
    guard let number = arguments[0].integer, declared.indices.contains(Int(number) - 1) else { return .done }
    let index = Int(number) - 1
    guard arguments[1].kind == .table else {
      let declaration = declared[index]
      return .bareError(
        "\(file):\(declaration.line): the body of \(declaration.word) \"\(declaration.name)\" is a "
          + "\(arguments[1].kind.name)\n  write \(declaration.word) \"\(declaration.name)\" { on = { … } }")
    }
    declared[index].body = arguments[1].hold()
    return .done
  }

  func require(_ arguments: borrowing LuaCall, _ call: CallState) -> LuaReply {
    guard call.phase == .loading else {
      return .error("require works while the file loads\n  write local name = require \"lib.name\" at the top of the file")
    }
    guard let name = arguments[0].text, let modules else { return .error("require wants a name: require \"lib.money\"") }
    let from = modules.current ?? file
    switch modules.require(name) {
    case .success(let ref):
      requires[from, default: []].insert(ModuleLoader.path(of: name))
      arguments.add(.ref(ref))
      return .done
    case .failure(let failure):
      return failure.isPlaced ? .bareError(failure.message) : .error(failure.message)
    }
  }
}
