/// The annotations for editors (Lua language server), made from the word table.
package enum EditorAnnotations {
  /// The content of docs/editor/moondance.lua.
  package static var text: String {
    var lines = [
      "---@meta moondance",
      "-- Completion for the words of Moondance. Made from the word table of the daemon; a test compares the two.",
      "-- Point the Lua language server at this folder: \"Lua.workspace.library\": [\"…/docs/editor\"].",
      "",
      "---@alias Span string A span of time: digits and a unit (ms s m h d w), \"15m\".",
      "---@alias Zone string A time zone of the IANA database: \"Europe/Berlin\", or \"UTC\".",
      "---@alias Key \"subject\"|string|fun(event: Event): string|integer|(string|integer)[]|nil",
      "---@class Removal What `remove()` gives.",
      "---@class RuleTypes What `any` and `all` give.",
      "",
    ]
    let shapes = [
      Words.event, Words.retry, Words.emitOptions, Words.consumer, Words.rule, Words.sendOptions, Words.timerOptions,
      Words.aggregate, Words.projection, Words.process, Words.awaitOptions, Words.verify, Words.incomingRequest,
      Words.sourceEvent, Words.source, Words.schedule, Words.timeParts, Words.timeAddOptions, Words.stage,
    ]
    for shape in shapes {
      lines += classLines(shape)
    }
    for table in ["log", "json", "time"] {
      lines += ["---@class \(table)lib", "\(table) = {}", ""]
    }
    for word in Words.all + [Words.test] { lines += wordLines(word) }
    return lines.joined(separator: "\n")
  }

  private static func classLines(_ shape: Shape) -> [String] {
    let isRead = [Words.event.name, Words.timeParts.name].contains(shape.name)
    let fields = shape.keys.map { key in
      "---@field \(key.name)\(key.isRequired || isRead ? "" : "?") \(key.type)\(key.summary.isEmpty ? "" : " ")\(key.summary)"
    }
    return ["---@class \(shape.name)"] + fields + [""]
  }

  private static func wordLines(_ word: Word) -> [String] {
    if word.isValue { return ["---\(word.summary)", "---@type userdata", "\(word.name) = nil", ""] }
    var lines = ["---\(word.summary)"]
    for parameter in word.parameters {
      lines.append(
        "---@param \(parameter.name)\(parameter.isOptional ? "?" : "") \(parameter.type) \(parameter.summary)"
          .trimmingTrailingSpaces)
    }
    if let body = word.body {
      lines.append("---@overload fun(name: string, body: \(body.name))")
      lines.append("---@return fun(body: \(body.name)) declare")
    } else if let result = word.result {
      lines.append("---@return \(result)")
    }
    let names = word.parameters.map(\.name).joined(separator: ", ")
    return lines + ["function \(word.name)(\(names)) end", ""]
  }
}

extension String {
  fileprivate var trimmingTrailingSpaces: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
