/// What the data of an event says in a simulation: what its handlers are to do. Handlers may not count and see no chance,
/// so everything that makes them fail stands in the event, or is their clock.
struct Content: Equatable {
  enum Mode: String, CaseIterable {
    /// Fails until the handler's clock has reached `at` (ms).
    case until
    /// Fails whenever it is called.
    case never
    /// Calls `fail`.
    case fail
    /// Fails in version `at` of any consumer.
    case version
    /// Fails in the consumer `who`.
    case who
  }

  /// Tells the events of the outside apart; what follows from an event carries its number too.
  var number = 0
  var mode: Mode?
  var at: Int64 = 0
  var who: String?
  /// How many more events a call makes, for how many generations of them, and their mode.
  var steps = 0
  var hops = 0
  var next: Mode?
  /// Which of its cause's steps it is; 0 for none.
  var index = 0
  /// The wait of a timer that a call sets (ms), its name, and the name of one that the call cancels before.
  var after: Int64?
  var id: String?
  var cancel: String?
  /// For consumers with a `key` function, and with a path.
  var keys: [String] = []
  var group: String?
  /// The version whose `key` function fails; 0: every one.
  var badKey: Int?
  /// What an instance of a process is to do.
  var words: [String] = []

  /// In the order in which the host writes what Lua emits.
  var json: String {
    var members: [String] = []
    if let after { members.append("\"after\":\(after)") }
    if at != 0 { members.append("\"at\":\(at)") }
    if let badKey { members.append("\"badkey\":\(badKey)") }
    if let cancel { members.append("\"cancel\":\"\(cancel)\"") }
    if let group { members.append("\"g\":\"\(group)\"") }
    if hops != 0 { members.append("\"hops\":\(hops)") }
    if index != 0 { members.append("\"i\":\(index)") }
    if let id { members.append("\"id\":\"\(id)\"") }
    if !keys.isEmpty { members.append("\"keys\":[\(keys.map { "\"\($0)\"" }.joined(separator: ","))]") }
    if let mode { members.append("\"mode\":\"\(mode.rawValue)\"") }
    members.append("\"n\":\(number)")
    if let next { members.append("\"next\":\"\(next.rawValue)\"") }
    if !words.isEmpty { members.append("\"ops\":[\(words.map { "\"\($0)\"" }.joined(separator: ","))]") }
    if steps != 0 { members.append("\"steps\":\(steps)") }
    if let who { members.append("\"who\":\"\(who)\"") }
    return "{\(members.joined(separator: ","))}"
  }

  /// Nil when `json` is nothing that a simulation writes.
  init?(_ json: String) {
    guard let members = FlatJSON.members(of: json) else { return nil }
    for (name, value) in members {
      switch (name, value) {
      case ("at", .integer(let number)): at = number
      case ("after", .integer(let number)): after = number
      case ("cancel", .text(let text)): cancel = text
      case ("id", .text(let text)): id = text
      case ("badkey", .integer(let number)): badKey = Int(number)
      case ("g", .text(let text)): group = text
      case ("hops", .integer(let number)): hops = Int(number)
      case ("i", .integer(let number)): index = Int(number)
      case ("keys", .list(let list)): keys = list
      case ("ops", .list(let list)): words = list
      case ("mode", .text(let text)): mode = Mode(rawValue: text)
      case ("n", .integer(let value)): number = Int(value)
      case ("next", .text(let text)): next = Mode(rawValue: text)
      case ("steps", .integer(let number)): steps = Int(number)
      case ("who", .text(let text)): who = text
      default: return nil
      }
    }
  }

  init(number: Int) { self.number = number }

  /// The data of the step `index` that a call for this event emits.
  func step(_ index: Int) -> Content {
    var step = self
    step.index = index
    step.hops -= 1
    step.mode = next
    (step.after, step.id, step.cancel) = (nil, nil, nil)
    return step
  }
}

/// Reads objects of integers, plain text and lists of it. The oracle's own, so that it trusts nobody's.
enum FlatJSON {
  enum Value: Equatable {
    case integer(Int64)
    case text(String)
    case list([String])
  }

  static func members(of json: String) -> [(name: String, value: Value)]? {
    var rest = Substring(json).utf8
    guard rest.popFirst() == UInt8(ascii: "{") else { return nil }
    var members: [(String, Value)] = []
    while let next = rest.first, next != UInt8(ascii: "}") {
      if !members.isEmpty, rest.popFirst() != UInt8(ascii: ",") { return nil }
      guard let name = text(&rest), rest.popFirst() == UInt8(ascii: ":"), let value = value(&rest) else { return nil }
      members.append((name, value))
    }
    return rest.count == 1 ? members : nil
  }

  private static func value(_ rest: inout Substring.UTF8View) -> Value? {
    switch rest.first {
    case UInt8(ascii: "\""): return text(&rest).map { .text($0) }
    case UInt8(ascii: "["):
      rest.removeFirst()
      var list: [String] = []
      while let next = rest.first, next != UInt8(ascii: "]") {
        if !list.isEmpty, rest.popFirst() != UInt8(ascii: ",") { return nil }
        guard let element = text(&rest) else { return nil }
        list.append(element)
      }
      return rest.popFirst() == UInt8(ascii: "]") ? .list(list) : nil
    default:
      var number: Int64 = 0
      let isNegative = rest.first == UInt8(ascii: "-")
      if isNegative { rest.removeFirst() }
      guard let first = rest.first, (0x30...0x39).contains(first) else { return nil }
      while let digit = rest.first, (0x30...0x39).contains(digit) {
        number = number * 10 + Int64(digit - 0x30)
        rest.removeFirst()
      }
      return .integer(isNegative ? -number : number)
    }
  }

  private static func text(_ rest: inout Substring.UTF8View) -> String? {
    guard rest.popFirst() == UInt8(ascii: "\"") else { return nil }
    let text = rest.prefix { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    rest = rest.dropFirst(text.count)
    return rest.popFirst() == UInt8(ascii: "\"") ? String(Substring(text)) : nil
  }
}
