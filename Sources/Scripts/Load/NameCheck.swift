/// The names that every script sees: the words, and what the sandbox offers of Lua.
struct KnownNames: Sendable {
  var globals: Set<String> = []
  /// The members of those that are tables: `log`, `string`.
  var fields: [String: Set<String>] = [:]
}

/// Finds names that mean nothing, before an event runs into them, and state that would be lost.
struct NameCheck {
  let file: String
  let facts: SourceFacts
  let known: KnownNames

  /// More of one file are not told: a text that is no script at all would give thousands.
  static let maximumErrors = 50

  var errors: [LoadError] {
    let own = Set(facts.globals.filter { $0.isWrite && !$0.isInFunction }.map(\.name))
    let candidates = known.globals.union(own).sorted()
    var reported: Set<String> = []
    var errors: [LoadError] = []
    for global in facts.globals where errors.count < Self.maximumErrors {
      if let error = stepError(global) {
        if reported.insert(global.name).inserted { errors.append(error) }
      } else if global.isWrite {
        if let error = writeError(global) { errors.append(error) }
      } else if let fields = known.fields[global.name], !own.contains(global.name) {
        if let field = global.field, !fields.contains(field) { errors.append(memberError(global, field, fields)) }
      } else if !known.globals.contains(global.name), !own.contains(global.name) {
        // Once is enough: the second line would say the same.
        guard reported.insert(global.name).inserted else { continue }
        errors.append(
          LoadError(
            file: file, line: global.line, what: "there is no word \"\(global.name)\"",
            hint: Self.hint(for: global)
              ?? NearestName.of(global.name, among: candidates).map { "did you mean \($0)?" }))
      }
    }
    return errors
  }

  private func writeError(_ global: SourceFacts.Global) -> LoadError? {
    if known.globals.contains(global.name) {
      return LoadError(
        file: file, line: global.line, what: "\"\(global.name)\" is a word and cannot be changed",
        hint: "choose another name, or make it a local: local \(global.name) = …")
    }
    guard global.isInFunction else { return nil }
    return LoadError(
      file: file, line: global.line, what: "the global \"\(global.name)\" would be lost",
      hint: "for this call only write local \(global.name) = …; \(StateHint.remember)")
  }

  /// A word of processes in a file that has none. A module may be for one.
  private func stepError(_ global: SourceFacts.Global) -> LoadError? {
    guard !global.isWrite, global.isInFunction, Words.steps.contains(where: { $0.name == global.name }),
      !file.hasPrefix(SourceFile.moduleFolder + "/"), !facts.globals.contains(where: { $0.name == "process" })
    else { return nil }
    let waits = ["ask", "await", "sleep"].contains(global.name)
    return LoadError(
      file: file, line: global.line,
      what: waits ? "a consumer cannot wait" : "\(global.name) works in a process",
      hint: waits
        ? "use a process, or hear the event that brings the answer"
        : "write process \"name\" { starts = \"…\", run = function(event) … end }")
  }

  private func memberError(_ global: SourceFacts.Global, _ field: String, _ fields: Set<String>) -> LoadError {
    let whole = "\(global.name).\(field)"
    let hint =
      Self.members[whole].map { "write \($0)" }
      ?? NearestName.of(field, among: fields.sorted()).map { "did you mean \(global.name).\($0)?" }
    return LoadError(file: file, line: global.line, what: "there is no word \"\(whole)\"", hint: hint)
  }

  private static let members = [
    "json.parse": "json.decode(text)", "json.stringify": "json.encode(value)", "log.warning": "log.warn(…)",
    "log.log": "log.info(…)", "log.print": "log.info(…)", "log.err": "log.error(…)", "math.pow": "x ^ y",
    "time.now": "now()", "time.time": "now()", "time.format": "time.text(t, zone)", "time.date": "time.parts(t, zone)",
    "time.diff": "b - a (milliseconds), or time.days(a, b)", "time.sleep": "after(span, type, data)",
    "math.randomseed": "random(): its numbers follow from the event", "table.getn": "#list",
    "string.split": "for part in string.gmatch(text, \"[^,]+\") do … end", "table.length": "#list",
  ]

  /// What people write who know Lua, or another language, but not this one.
  private static func hint(for global: SourceFacts.Global) -> String? {
    switch global.name {
    case "on": "write consumer \"name\" { on = { … } }"
    case "event", "e", "ev": "the event is the parameter: function(\(global.name)) … end"
    case "os" where ["time", "clock", "date", "difftime"].contains(global.field): clock
    case "date", "clock", "Date": clock
    case "os", "io", "file", "socket", "http", "fetch", "package", "ffi":
      noInputOutput
    case "wait", "coroutine", "yield", "async":
      "a consumer cannot wait: use a process, or hear the event that brings the answer"
    case "load", "loadstring", "loadfile", "dofile", "import", "include": "write local name = require \"lib.name\""
    case "unpack": "write table.unpack"
    case "xpcall": "write pcall"
    case "NULL", "None", "undefined", "Null": "write nil, or null in JSON"
    case "True", "TRUE": "write true"
    case "False", "FALSE": "write false"
    case "console", "printf", "puts", "echo": "write print(…) or log.info(…)"
    case "throw", "raise", "panic", "abort": "write error(…) to try again, fail(…) to give up"
    case "_G", "_ENV": "every file has its own globals; there is no table of them"
    case "debug", "collectgarbage": "it is not offered to scripts"
    default: nil
    }
  }

  static let noInputOutput = "scripts do no I/O: declare a destination, and publish to it"
  private static let clock = "no clock here: now() gives the time of the call in milliseconds"
}

/// Where to keep what a file cannot.
enum StateHint {
  static let remember = "what must be remembered is an event: emit it"
  static let inRun = "what an instance of a process remembers are the locals of run"
  static let inDocument = "what a projection remembers is its document"
  static let inRequest = "a source remembers nothing: what the event needs is in the request"
}
