internal import Events
internal import LuaRuntime

/// One Lua interpreter with the words in it, and what the call under way has done. The loader runs files in it; a
/// worker calls handlers.
final class Interpreter {
  /// What is going on, and so which words may be used.
  enum Phase { case idle, loading, handling, keying, deciding, applying, folding, receiving, running, ruling }

  /// Numbers of `LuaReply.abort`.
  enum Abort {
    static let fail = 1
    static let limit = 2
    /// A module that is required does not load.
    static let brokenModule = 3
    /// `reject(reason)`: a command is refused.
    static let reject = 4
    /// What a handler reads cannot be read now: nobody's fault.
    static let unreadable = 5
    /// `rollback`, or a wait of an instance that is to roll back.
    static let rollback = 6
    /// `restart(data)`
    static let restart = 7
  }

  let state: LuaState
  let call = CallState()
  let logName: [UInt8]
  /// Names that scripts see.
  private(set) var known = KnownNames()
  /// Functions of the prelude's own Lua code.
  let prelude: LuaRef
  /// What `remove()` gives: told from every other value by its identity.
  let removal: LuaRef

  init(logName: String, limits: LuaLimits = LuaLimits()) throws(LuaError) {
    state = try LuaState(limits: limits)
    self.logName = Array(logName.utf8)
    prelude = try state.makeEnvironment()
    removal = try state.makeTable()
    state.setMessages(
      table: "\"%s\" belongs to the file and would be lost: \(StateHint.remember)",
      global: "the global \"%s\" would be lost: \(StateHint.remember)")
    try registerEffects()
    try registerValues()
    try registerDocuments()
    try registerTime()
    try registerSteps()
    try state.register("read", cost: 200) { [call] in call.read($0) }
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
    try state.register("send", cost: 20) { call.send($0) }
    try state.register("publish", cost: 20) { call.publish($0) }
    try state.register("request", cost: 20) { call.request($0) }
    try state.register("after", cost: 20) { call.after($0) }
    try state.register("at", cost: 20) { call.at($0) }
    try state.register("cancel", cost: 20) { call.cancel($0) }
    try state.register("reject") { call.reject($0) }
    try state.register("fail") { arguments in
      guard call.makesEffects else { return call.misplaced("fail") }
      return .abort(kind: Abort.fail, message: arguments.count > 0 ? arguments[0].shown : "no reason was given")
    }
    let log = try state.makeTable()
    for level in LogLine.Level.allCases {
      try state.register("\(level)", in: log, cost: 50) { call.log(level, $0, word: "log.\(level)") }
    }
    try state.set(.words, "log", .ref(log))
    try state.register("print", cost: 50) { call.log(.info, $0, word: "print") }
  }

  private func registerSteps() throws(LuaError) {
    let call = call
    try state.register("ask", cost: 20) { call.ask($0) }
    try state.register("await", cost: 20) { call.await($0) }
    try state.register("sleep", cost: 20) { call.sleep($0) }
    try state.register("compensate", cost: 20) { call.compensate($0) }
    try state.register("rollback", cost: 20) { call.rollback($0) }
    try state.register("restart", cost: 20) { call.restart($0) }
    try state.register("compensation", in: prelude) { call.takeCompensation($0) }
  }

  private func registerDocuments() throws(LuaError) {
    let (call, removal) = (call, removal)
    try state.register("remove") { arguments in
      guard call.phase == .folding else {
        return .error("remove works in a projection\n  return remove() deletes the document of the key")
      }
      call.hasRemoved = true
      arguments.add(.ref(removal))
      return .done
    }
  }

  private func registerValues() throws(LuaError) {
    let call = call
    try state.register("now") { arguments in
      guard call.makesEffects else { return call.misplaced("now") }
      arguments.add(.integer(call.now.milliseconds))
      return .done
    }
    try state.register("uuid", cost: 50) { arguments in
      guard call.makesEffects else { return call.misplaced("uuid") }
      arguments.add(Self.uuid(arguments.random(), arguments.random()))
      return .done
    }
    try state.register("random") { arguments in
      guard call.makesEffects else { return call.misplaced("random") }
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
    let middle = "\(hex(high >> 16 & 0xFFFF, 4))-\(hex(high & 0xFFFF, 4))-\(hex(low >> 48, 4))"
    return "\(first)-\(middle)-\(hex(low & 0xFFFF_FFFF_FFFF, 12))"
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
    arguments.add(.integer(pick(low, high, arguments)))
    return .done
  }

  /// A number from `low` to `high`, all equally likely. Written out here, since the same event must give the same number
  /// whatever the standard library of the day does.
  private static func pick(_ low: Int64, _ high: Int64, _ arguments: borrowing LuaCall) -> Int64 {
    let span = UInt64(bitPattern: high &- low)
    if span == .max { return Int64(bitPattern: arguments.random()) }
    let count = span + 1
    // The first numbers of the generator's range are left out, so that the rest divides evenly.
    let uneven = (0 &- count) % count
    var bits = arguments.random()
    while bits < uneven { bits = arguments.random() }
    return low &+ Int64(bitPattern: bits % count)
  }
}

extension Int64 {
  /// Microseconds as whole milliseconds, rounded down also before 1970.
  var milliseconds: Int64 { self >= 0 ? self / 1000 : (self - 999) / 1000 }
}
