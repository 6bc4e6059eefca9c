import Events
import LuaRuntime
import TestKit
import Testing

/// What a script did, as a test wants to see it.
enum Ending: Equatable, CustomStringConvertible {
  case returned([String])
  case failed(String)
  case aborted(Int, String)
  case time
  case memory
  case host(String)
  case syntax(String)

  var description: String {
    switch self {
    case .returned(let values): "returned \(values)"
    case .failed(let message): "failed \(message)"
    case .aborted(let kind, let message): "aborted \(kind) \(message)"
    case .time: "time"
    case .memory: "memory"
    case .host(let message): "host \(message)"
    case .syntax(let message): "syntax \(message)"
    }
  }
}

extension LuaLimits {
  /// With a backstop for what a sanitizer makes slow.
  static var stretched: LuaLimits {
    var limits = LuaLimits()
    limits.nanoseconds *= Slowness.factor
    return limits
  }
}

extension LuaState {
  /// Loads and runs a source in a new environment; results are shown as JSON, or by their kind.
  borrowing func run(_ source: String, name: String = "t.lua") throws -> Ending {
    let environment = try makeEnvironment()
    let chunk: LuaRef
    do {
      chunk = try load(Array(source.utf8), name: name, environment: environment)
    } catch {
      return error.code == .syntax ? .syntax(error.message) : Ending(error)
    }
    return end(chunk)
  }

  borrowing func end(_ function: LuaRef, _ arguments: [LuaArgument] = []) -> Ending {
    var values: [String] = []
    let outcome = call(function, arguments) { results in
      for position in 0..<results.count { values.append(show(results[position])) }
    }
    switch outcome {
    case .returned: return .returned(values)
    case .aborted(let abort): return .aborted(abort.kind, abort.message)
    case .failed(let error), .time(let error), .memory(let error), .host(let error): return Ending(error)
    }
  }
}

extension Ending {
  init(_ error: LuaError) {
    switch error.code {
    case .syntax: self = .syntax(error.message)
    case .script: self = .failed(error.message)
    case .time: self = .time
    case .memory: self = .memory
    case .host: self = .host(error.message)
    }
  }
}

func show(_ slot: LuaSlot) -> String {
  var writer = ByteWriter()
  do {
    try slot.encodeJSON(name: "value", into: &writer)
    return writer.bytes.text
  } catch {
    return slot.kind == .function ? "function" : "(\(error.message))"
  }
}

extension LuaState {
  /// Holds what a source returns.
  borrowing func held(_ source: String, name: String = "t.lua", environment: LuaRef? = nil) throws -> LuaRef {
    let chunk = try load(Array(source.utf8), name: name, environment: try environment ?? makeEnvironment())
    var ref: LuaRef?
    let outcome = call(chunk, []) { ref = $0[0].hold() }
    if let error = outcome.error { throw error }
    return try #require(ref)
  }
}
