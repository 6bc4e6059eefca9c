internal import CLuaHost

/// One sandboxed interpreter.
///
/// One thread at a time may use it, with at least 2 MiB of stack. After a call ended by time or memory it is dead
/// (`isDead`): every later call is refused and it must be thrown away. Making a new one takes about 60 µs.
package struct LuaState: ~Copyable {
  let lua: OpaquePointer
  private let functions = HostFunctions()

  private final class HostFunctions {
    var kept: [HostFunction] = []
  }

  /// Fails when the process has no memory left.
  package init(limits: LuaLimits = LuaLimits()) throws(LuaError) {
    var native = limits.native
    guard let lua = md_lua_new(&native) else { throw LuaError(.host, "there is no memory for a Lua interpreter") }
    self.lua = lua
  }

  deinit { md_lua_free(lua) }

  package var isDead: Bool { md_lua_is_dead(lua) }

  /// Whether `isDead` because a call took too long by the clock: another time it might not.
  package var ranOutOfClock: Bool { md_lua_ran_out_of_clock(lua) }

  /// Bytes held now.
  package var memory: Int { md_lua_memory(lua) }

  /// What the last call left of its instructions.
  package var remainingInstructions: Int { Int(md_lua_budget(lua)) }

  /// Values on the interpreter's own stack; 0 outside of calls.
  package var height: Int { Int(md_lua_height(lua)) }

  /// Collects all garbage.
  package func collectGarbage() { md_lua_collect(lua) }

  /// Instructions and nanoseconds for the calls that follow; nil keeps what was.
  package func setBudget(instructions: Int? = nil, nanoseconds: Int? = nil) {
    md_lua_set_budget(lua, Int64(instructions ?? 0), UInt64(nanoseconds ?? 0))
  }

  /// Seeds `math.random` and `random()` for the calls that follow.
  package func seed(_ high: UInt64, _ low: UInt64) { md_lua_seed(lua, high, low) }

  /// The next 64 bits of the seeded generator.
  package func random() -> UInt64 { md_lua_random(lua) }

  /// For tests: refuses the n-th allocation of script code in the next call, and all later ones in it.
  package func refuseAllocation(_ number: Int) { md_lua_refuse_allocation(lua, Int64(number)) }
}

// MARK: - Code

extension LuaState {
  /// Compiles UTF-8 text (never bytecode) into a function whose globals are `environment`. `name` begins the
  /// positions in messages. Code of the host (`trusted`) may use more memory and is neither frozen nor searched for
  /// assignments.
  package func load(
    _ source: [UInt8], name: String, environment: LuaRef, trusted: Bool = false
  ) throws(LuaError) -> LuaRef {
    var ref: Int32 = -1
    let outcome = source.withUnsafeBytes {
      md_lua_load(lua, $0.baseAddress, $0.count, name, environment.number, trusted, &ref)
    }
    guard outcome.status == MD_LUA_OK else { throw LuaError(outcome) }
    return LuaRef(number: ref)
  }

  /// Calls a function and drops what it returns; the outcome says how much that was. Allocates nothing in Swift.
  @discardableResult
  package func call(_ function: LuaRef) -> LuaOutcome { Self.call(lua, function, nil, 0) { _ in } }

  @discardableResult
  package func call(_ function: LuaRef, _ argument: LuaArgument) -> LuaOutcome {
    var item = argument.native
    return Self.call(lua, function, &item, 1) { _ in }
  }

  @discardableResult
  package func call(_ function: LuaRef, _ first: LuaArgument, _ second: LuaArgument) -> LuaOutcome {
    withUnsafeTemporaryAllocation(of: md_lua_item.self, capacity: 2) { items in
      items.initializeElement(at: 0, to: first.native)
      items.initializeElement(at: 1, to: second.native)
      return Self.call(lua, function, items.baseAddress, 2) { _ in }
    }
  }

  /// Calls a function and shows what it returned.
  @discardableResult
  package func call(
    _ function: LuaRef, _ arguments: [LuaArgument], results: (LuaResults) -> Void
  ) -> LuaOutcome {
    Self.call(lua, function, arguments.map(\.native), results)
  }

  static func call(
    _ lua: OpaquePointer, _ function: LuaRef, _ items: [md_lua_item], _ results: (LuaResults) -> Void
  ) -> LuaOutcome {
    items.withUnsafeBufferPointer { call(lua, function, $0.baseAddress, $0.count, results) }
  }

  @inline(__always)
  static func call(
    _ lua: OpaquePointer, _ function: LuaRef, _ items: UnsafePointer<md_lua_item>?, _ count: Int,
    _ results: (LuaResults) -> Void
  ) -> LuaOutcome {
    let outcome = md_lua_call(lua, function.number, items, Int32(count))
    guard outcome.status == MD_LUA_OK else { return failure(outcome) }
    results(LuaResults(lua: lua, first: outcome.first, count: Int(outcome.count)))
    if outcome.count > 0 { md_lua_pop_to(lua, outcome.first) }
    return .returned(Int(outcome.count))
  }

  @inline(never)
  static func failure(_ outcome: md_lua_outcome) -> LuaOutcome {
    switch outcome.status {
    case MD_LUA_ABORTED:
      return .aborted(
        LuaAbort(kind: Int(outcome.kind), message: String(outcome.message), position: String(outcome.traceback)))
    case MD_LUA_TIME: return .time(LuaError(outcome))
    case MD_LUA_MEMORY: return .memory(LuaError(outcome))
    case MD_LUA_HOST: return .host(LuaError(outcome))
    default: return .failed(LuaError(outcome))
    }
  }
}

/// What a call returned, inside the closure that is given it.
package struct LuaResults {
  let lua: OpaquePointer
  let first: Int32
  package let count: Int

  /// A result, counted from 0; nothing beyond the last.
  package subscript(position: Int) -> LuaSlot {
    LuaSlot(lua: lua, index: position < count ? first + Int32(position) : LuaSlot.nothing)
  }
}

// MARK: - Values and host functions

extension LuaState {
  /// A new table; with the mark of lists if `array`.
  package func makeTable(array: Bool = false) throws(LuaError) -> LuaRef { try held(md_lua_new_table(lua, array)) }

  /// Holds a value.
  package func hold(_ value: LuaArgument) throws(LuaError) -> LuaRef { try held(md_lua_hold(lua, value.native)) }

  /// Gives up a value that was held.
  package func release(_ ref: LuaRef) { md_lua_release(lua, ref.number) }

  /// Raw assignment of a field.
  package func set(_ table: LuaRef, _ name: String, _ value: LuaArgument) throws(LuaError) {
    var name = name
    let done = name.withUTF8 { md_lua_set_field(lua, table.number, $0.baseAddress!, $0.count, value.native) }
    if !done { throw LuaError(.host, "\(name) cannot be set: it is not JSON, or there is no memory") }
  }

  /// Shows a held value.
  @discardableResult
  package func with<Result>(_ ref: LuaRef, _ body: (LuaSlot) throws -> Result) rethrows -> Result {
    let slot = md_lua_push_ref(lua, ref.number)
    defer { md_lua_pop_to(lua, slot) }
    return try body(LuaSlot(lua: lua, index: slot))
  }

  /// Puts a host function into a table (the words, unless another is given). Each call is charged `cost` instructions.
  package func register(
    _ name: String, in table: LuaRef = .words, cost: Int = 10,
    _ body: @escaping (borrowing LuaCall) -> LuaReply
  ) throws(LuaError) {
    _ = try registered(name, table, cost, body)
  }

  /// A host function that computes a field of a record when it is touched, by adding one result.
  package func makeField(
    cost: Int = 10, _ body: @escaping (borrowing LuaCall) -> LuaReply
  ) throws(LuaError) -> LuaHosted {
    LuaHosted(number: try registered(nil, .words, cost, body))
  }

  private func registered(
    _ name: String?, _ table: LuaRef, _ cost: Int, _ body: @escaping (borrowing LuaCall) -> LuaReply
  ) throws(LuaError) -> Int32 {
    let function = HostFunction(body)
    let context = Unmanaged.passUnretained(function).toOpaque()
    let number = md_lua_register(lua, table.number, name, runHostFunction, context, Int32(cost))
    guard number >= 0 else { throw LuaError(.host, "there is no memory for a host function") }
    functions.kept.append(function)
    return number
  }

  private func held(_ number: Int32) throws(LuaError) -> LuaRef {
    guard number >= 0 else { throw LuaError(.host, "the value cannot be held: it is not JSON, or there is no memory") }
    return LuaRef(number: number)
  }
}
