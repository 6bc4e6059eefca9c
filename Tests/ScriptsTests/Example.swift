import Foundation

/// A Lua block of a document with the comments that say what happens: see docs/handlers.md, first section.
struct Example: CustomStringConvertible {
  struct Step {
    let event: (type: String, subject: String, data: String?)
    /// A command, for its owner.
    var isCommand = false
    /// A request to the source of that name; the event's data are its JSON body.
    var isRequest = false
    /// What an instance of a process goes on with: `accepted`, `rejected`, `answered`, `timeout` or `aborted`.
    var given: (kind: String, text: String)?
    /// How the instance has ended.
    var ends: String?
    var keys: [String]?
    var emits: [String] = []
    var sends: [String] = []
    var publishes: [String] = []
    /// `SPAN TYPE SUBJECT DATA`, and ids.
    var sets: [String] = []
    var cancels: [String] = []
    var rejects: [String] = []
    var logs: [String] = []
    var fails: [String] = []
    /// Documents after it: view, key, JSON; no JSON: there is none.
    var documents: [(view: String, key: String, json: String?)] = []
  }

  let place: String
  var files: [(String, String)] = []
  var steps: [Step] = []
  /// What loading says, with the hints; empty when it loads.
  var errors: [String] = []
  var warnings: [String] = []

  var description: String { place }

  /// Every block that begins with ```lua in a Markdown text.
  static func all(in text: String, named document: String) -> [Example] {
    var examples: [Example] = []
    var block: (line: Int, lines: [String])?
    for (index, line) in text.components(separatedBy: "\n").enumerated() {
      if let open = block {
        if line == "```" {
          examples.append(Example(open.lines, place: "\(document):\(open.line)"))
          block = nil
        } else {
          block!.lines.append(line)
        }
      } else if line == "```lua" {
        block = (index + 2, [])
      }
    }
    return examples
  }

  init(_ lines: [String], place: String) {
    self.place = place
    var file: (name: String, lines: [String]) = ("example.lua", [])
    for line in lines {
      if let name = line.after("-- file: ") {
        close(file)
        file = (name, [])
        continue
      }
      file.lines.append(line)
      read(line)
    }
    close(file)
  }

  private mutating func close(_ file: (name: String, lines: [String])) {
    if file.lines.contains(where: { !$0.isEmpty }) { files.append((file.name, file.lines.joined(separator: "\n"))) }
  }

  private mutating func read(_ line: String) {
    if let text = line.after("-- event: ") {
      let parts = text.split(separator: " ", maxSplits: 2).map(String.init)
      steps.append(Step(event: (parts[0], parts.count > 1 ? parts[1] : "", parts.count > 2 ? parts[2] : nil)))
    } else if let text = line.after("-- command: ") {
      let parts = text.split(separator: " ", maxSplits: 2).map(String.init)
      steps.append(Step(event: (parts[0], parts[1], parts.count > 2 ? parts[2] : nil), isCommand: true))
    } else if let text = line.after("-- request: ") {
      let parts = text.split(separator: " ", maxSplits: 1).map(String.init)
      steps.append(Step(event: (parts[0], "", parts.count > 1 ? parts[1] : nil), isRequest: true))
    } else if let given = Self.given(line) {
      steps.append(Step(event: (given.kind, "", nil), given: given))
    } else if let text = line.after("-- error: ") {
      errors.append(text)
    } else if let text = line.after("-- warning: ") {
      warnings.append(text)
    } else if let hint = line.after("--   "), !errors.isEmpty {
      errors[errors.count - 1] += "\n  " + hint
    } else if !steps.isEmpty {
      let last = steps.count - 1
      if let text = line.after("-- emits: ") { steps[last].emits.append(text) }
      if let text = line.after("-- sends: ") { steps[last].sends.append(text) }
      if let text = line.after("-- publishes: ") { steps[last].publishes.append(text) }
      if let text = line.after("-- sets: ") { steps[last].sets.append(text) }
      if let text = line.after("-- cancels: ") { steps[last].cancels.append(text) }
      if let text = line.after("-- rejects: ") { steps[last].rejects.append(text) }
      if let text = line.after("-- ends: ") { steps[last].ends = text }
      if let text = line.after("-- logs: ") { steps[last].logs.append(text) }
      if let text = line.after("-- fails: ") { steps[last].fails.append(text.replacing("\\n", with: "\n")) }
      if let text = line.after("-- document: ") {
        let parts = text.split(separator: " ", maxSplits: 2).map(String.init)
        steps[last].documents.append((parts[0], parts[1], parts[2] == "none" ? nil : parts[2]))
      }
      if let text = line.after("-- keys:") {
        steps[last].keys = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      }
    }
  }

  private static func given(_ line: String) -> (kind: String, text: String)? {
    for kind in ["accepted", "rejected", "answered", "timeout", "aborted"] {
      if let text = line.after("-- \(kind):") { return (kind, text.trimmingCharacters(in: .whitespaces)) }
    }
    return nil
  }

  /// Whether two effects, `TYPE SUBJECT DATA`, are the same; `"…"` in the data of `expected` stands for any value.
  static func same(_ expected: String, _ actual: String) -> Bool {
    let left = expected.split(separator: " ", maxSplits: 2).map(String.init)
    let right = actual.split(separator: " ", maxSplits: 2).map(String.init)
    guard left.count == right.count, left.prefix(2) == right.prefix(2) else { return false }
    return left.count < 3 || matches(value(left[2]), value(right[2]))
  }

  private static func value(_ json: String) -> NSObject? {
    try? JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed) as? NSObject
  }

  private static func matches(_ expected: NSObject?, _ actual: NSObject?) -> Bool {
    switch (expected, actual) {
    case (let text as NSString, _?) where text == "…": true
    case (let left as NSDictionary, let right as NSDictionary):
      left.count == right.count
        && left.allSatisfy { matches($0.value as? NSObject, right[$0.key] as? NSObject) }
    case (let left as NSArray, let right as NSArray):
      left.count == right.count && zip(left, right).allSatisfy { matches($0 as? NSObject, $1 as? NSObject) }
    case (let left?, let right?): left.isEqual(right)
    default: false
    }
  }
}

extension String {
  func after(_ prefix: String) -> String? { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil }
}

/// The repository's folder.
let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

func document(_ path: String) -> String {
  (try? String(contentsOf: repository.appendingPathComponent(path), encoding: .utf8)) ?? ""
}
