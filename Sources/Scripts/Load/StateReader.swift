internal import Events
internal import LuaRuntime

/// Reads a consumer's `state`, `version` and `upgrade`.
struct StateReader {
  struct Problem {
    let path: [String]
    let what: String
    let hint: String?
  }

  private var initial: [UInt8]?
  private var version: Int64?
  private var upgrades: [Int64: LuaRef] = [:]
  private var hasUpgrade = false
  private(set) var problems: [Problem] = []

  mutating func readState(_ value: LuaSlot) {
    guard value.kind == .table else {
      return fail(
        ["state"], "state is \(BodyReader.article(value)); a table is wanted",
        "write state = { count = 0 }: every key begins with a copy of it")
    }
    var writer = ByteWriter(capacity: 256)
    do throws(LuaError) {
      try value.encodeJSON(name: "state", into: &writer)
    } catch {
      return fail(["state"], error.message, "a state holds text, numbers, booleans, null and tables of these")
    }
    guard writer.count <= StateDeclaration.maximumBytes else {
      return fail(
        ["state"], "state has \(writer.count) bytes as JSON; at most \(StateDeclaration.maximumBytes) are kept", nil)
    }
    initial = Array(writer.bytes)
  }

  mutating func readVersion(_ value: LuaSlot) {
    guard let number = value.integer, (1...1_000_000).contains(number) else {
      return fail(["version"], "version is \(value.shown); a whole number from 1 on is wanted", nil)
    }
    version = number
  }

  mutating func readUpgrade(_ value: LuaSlot) {
    hasUpgrade = true
    let hint = "write upgrade = { [1] = function(state) … return state end }"
    guard value.kind == .table else {
      return fail(["upgrade"], "upgrade is \(BodyReader.article(value)); a table is wanted", hint)
    }
    value.forEach { key, function in
      guard let from = key.integer, from >= 1, function.kind == .function, let held = function.hold() else {
        fail(
          ["upgrade"], "upgrade[\(key.shown)] is \(BodyReader.article(function)); a function by version is wanted", hint
        )
        return true
      }
      upgrades[from] = held
      return true
    }
  }

  /// What was read, with the functions by the version that they upgrade from; nil without a state, or with problems.
  mutating func finish(name: String) -> (declaration: StateDeclaration, upgrades: [UInt32: LuaRef])? {
    guard let initial else {
      if problems.isEmpty, version != nil || hasUpgrade {
        fail(
          [version != nil ? "version" : "upgrade"], "\(name) has a version of its state, but no state",
          "write state = { … }")
      }
      return nil
    }
    let version = version ?? 1
    for from in 1..<version where upgrades[from] == nil {
      fail(
        ["upgrade"], "version is \(version), but upgrade has no [\(from)]",
        "write upgrade = { [\(from)] = function(state) … return state end }: states of version \(from) may be in the log"
      )
      break
    }
    for from in upgrades.keys.sorted() where from >= version {
      fail(["upgrade"], "upgrade has [\(from)], and version is \(version)", "write version = \(from + 1)")
    }
    guard problems.isEmpty else { return nil }
    return (
      StateDeclaration(initial: initial, version: UInt32(version)),
      Dictionary(uniqueKeysWithValues: upgrades.map { (UInt32($0.key), $0.value) })
    )
  }

  private mutating func fail(_ path: [String], _ what: String, _ hint: String?) {
    problems.append(Problem(path: path, what: what, hint: hint))
  }
}
