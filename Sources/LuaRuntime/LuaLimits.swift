internal import CLuaHost

/// What scripts of one interpreter may use. The defaults are the sandbox's.
package struct LuaLimits: Sendable, Hashable {
  /// Bytes in all.
  package var memory = 64 << 20
  /// Bytes of the largest string.
  package var string = 1 << 20
  /// Bytes of the largest block.
  package var block = 16 << 20
  /// VM instructions and charges for work inside library functions, per call. Deterministic, so this is what should
  /// end a call that does too much; 20 million take about 100 ms.
  package var instructions = 20_000_000
  /// The clock per call, the backstop, in nanoseconds; up to four times that when the thread did not get its processor.
  package var nanoseconds = 250_000_000
  /// Wall clock for compiling one source, in nanoseconds.
  package var compileNanoseconds = 250_000_000
  /// Bytes of a source.
  package var source = 128 << 10

  package init() {}

  var native: md_lua_limits {
    md_lua_limits(
      memory: memory, string: string, block: block, instructions: Int64(instructions),
      nanoseconds: UInt64(nanoseconds), compile_nanoseconds: UInt64(compileNanoseconds), source: source)
  }
}
