internal import Events
internal import LuaRuntime

/// One Lua interpreter with the words in it, and what the call under way has done. The loader runs files in it; a
/// worker calls handlers.
final class Interpreter {
  enum Phase { case loading, handling }

  /// Numbers of `LuaReply.abort`.
  enum Abort {
    static let fail = 1
    static let limit = 2
  }

  let state: LuaState
  let call = CallState()
  let logName: [UInt8]
  /// Names that scripts see.
  private(set) var known = KnownNames()
  /// Functions of the prelude's own Lua code.
  let prelude: LuaRef

  init(logName: String, limits: LuaLimits = LuaLimits()) throws(LuaError) {
    state = try LuaState(limits: limits)
    self.logName = Array(logName.utf8)
    prelude = try state.makeEnvironment()
    state.setMessages(
      table: "\"%s\" belongs to the file and would be lost: \(StateHint.remember)",
      global: "the global \"%s\" would be lost: \(StateHint.remember)")
    try registerEffects()
    try registerValues()
  }

  /// Runs a source of the prelude.
  func run(prelude source: [UInt8], name: String) throws(LuaError) {
    let chunk = try state.load(source, name: name, environment: prelude, trusted: true)
    if let error = state.call(chunk).error { throw error }
  }

  /// To be called once every word is there.
  func seal() throws(LuaError) {
    noteNames()
    try state.sealWords()
  }

  private func noteNames() {
    state.with(.words) { words in
      _ = words.forEach { name, value in
        guard let name = name.text else { return true }
        known.globals.insert(name)
        if value.kind == .table {
          var fields: Set<String> = []
          _ = value.forEach { field, _ in
            if let field = field.text { fields.insert(field) }
            return true
          }
          if !fields.isEmpty { known.fields[name] = fields }
        }
        return true
      }
    }
  }

  private func registerEffects() throws(LuaError) {
    let call = call
    try state.register("emit", cost: 20) { call.emit($0) }
    try state.register("fail") { arguments in
      guard call.phase == .handling else { return .error(CallState.onlyInHandlers("fail")) }
      return .abort(kind: Abort.fail, message: arguments.count > 0 ? arguments[0].shown : "no reason was given")
    }
    let log = try state.makeTable()
    for level in LogLine.Level.allCases {
      try state.register("\(level)", in: log) { call.log(level, $0, word: "log.\(level)") }
    }
    try state.set(.words, "log", .ref(log))
    try state.register("print") { call.log(.info, $0, word: "print") }
  }

  private func registerValues() throws(LuaError) {
    let call = call
    try state.register("now") { arguments in
      guard call.phase == .handling else { return .error(CallState.onlyInHandlers("now")) }
      arguments.add(.integer(call.now / 1000))
      return .done
    }
    try state.register("uuid") { arguments in
      guard call.phase == .handling else { return .error(CallState.onlyInHandlers("uuid")) }
      arguments.add(Self.uuid(arguments.random(), arguments.random()))
      return .done
    }
    try state.register("random") { arguments in
      guard call.phase == .handling else { return .error(CallState.onlyInHandlers("random")) }
      return Self.random(arguments)
    }
  }

  /// Version 4 of RFC 9562, its random bits from the seeded generator.
  private static func uuid(_ high: UInt64, _ low: UInt64) -> String {
    let high = high & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let low = low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    func hex(_ value: UInt64, _ digits: Int) -> String {
      let text = String(value, radix: 16)
      return String(repeating: "0", count: digits - text.count) + text
    }
    let first = hex(high >> 32, 8)
    return "\(first)-\(hex(high >> 16 & 0xFFFF, 4))-\(hex(high & 0xFFFF, 4))-\(hex(low >> 48, 4))-\(hex(low & 0xFFFF_FFFF_FFFF, 12))"
  }

  private static func random(_ arguments: borrowing LuaCall) -> LuaReply {
    if arguments.count == 0 {
      arguments.add(.number(Double(arguments.random() >> 11) * 0x1p-53))
      return .done
    }
    let low = arguments.count == 1 ? 1 : arguments[0].integer
    guard let low, let high = arguments[arguments.count == 1 ? 0 : 1].integer, arguments.count <= 2 else {
      return .error("random takes nothing, or one or two whole numbers")
    }
    guard low <= high else { return .error("random: \(low) is more than \(high)") }
    var seeded = Seeded(first: arguments.random(), second: arguments.random())
    arguments.add(.integer(Int64.random(in: low...high, using: &seeded)))
    return .done
  }

  /// Two numbers of the seeded generator, and what follows from them.
  private struct Seeded: RandomNumberGenerator {
    var first: UInt64
    var second: UInt64

    mutating func next() -> UInt64 {
      defer { (first, second) = (second, first &* 0x9E37_79B9_7F4A_7C15 ^ (second >> 29)) }
      return first
    }
  }
}

extension LuaSlot {
  /// For log lines and messages: text as it is, other values as JSON.
  var shown: String {
    switch kind {
    case .string: return text ?? ""
    case .none: return "nil"
    case .function, .other: return kind.name
    default:
      var writer = ByteWriter(capacity: 64)
      do {
        try encodeJSON(name: "value", into: &writer)
        return writer.bytes.text
      } catch {
        return "a \(kind.name)"
      }
    }
  }
}
