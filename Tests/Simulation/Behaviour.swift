/// A consumer as a run may deploy it: the script, and beside it in plain words what the script does. The engine sees the
/// one, the oracle the other.
struct Behaviour: Hashable {
  enum Key: Hashable {
    case subject
    /// `data.g`.
    case path
    /// One key for each of `data.keys`.
    case function

    var fingerprint: String {
      switch self {
      case .subject: ""
      case .path: "data.g"
      case .function: "function"
      }
    }
  }

  var name: String
  var version: Int
  /// Types, or a beginning and a star. In the order of their bytes.
  var hears: [String]
  var fromStart: Bool
  var key: Key
  /// Calls in all; the waits in ms; the jitter in hundredths.
  var attempts: Int
  var first: Int64
  var factor: Int64
  var cap: Int64
  var jitter: Int64
  var skips: Bool
  /// Nothing makes it fail.
  var isTame = false
  /// One of the bank's own readers.
  var bank: Bank.Role?
  /// Schedules: then it is no reader and has no code.
  var rhythms: [Clockwork.Rhythm] = []
  /// The process.
  var errand: Errand.Variant?

  var path: String { "\(name).lua" }

  // MARK: the script

  var script: String {
    if !rhythms.isEmpty { return "-- version \(version)\n" + rhythms.map(\.script).joined(separator: "\n") }
    return bank.map { Bank.script($0) } ?? errand.map { Errand.script($0) } ?? ownScript
  }

  private var ownScript: String {
    """
    -- version \(version)
    local function work(event)
      local d, t = event.data, now()
    \(isTame ? "" : failures)
      log.info("did " .. event.position)
      emit("Did", { k = event.key, p = event.position, r = "\(name)", t = t, v = \(version) })
      if (d.hops or 0) > 0 then
        local left = d.hops > 1 and d.hops - 1 or nil
        for i = 1, d.steps do
          emit("Step", { at = d.at, badkey = d.badkey, g = d.g, hops = left, i = i, keys = d.keys, mode = d.next, n = d.n,
            next = d.next, steps = d.steps, who = d.who })
        end
      end
      if d.cancel then cancel(d.cancel) end
      if d.after then after(d.after .. "ms", "Step", { n = d.n }, { id = d.id }) end
    end

    consumer "\(name)" {
      from = "\(fromStart ? "start" : "now")",
      retry = { attempts = \(attempts), first = "\(first)ms", factor = \(factor), cap = "\(cap)ms", jitter = \(Double(jitter) / 100) },
      exhausted = "\(skips ? "skip" : "block")",
      \(keyLine)on = { \(hears.map { "[\"\($0)\"] = work" }.joined(separator: ", ")) },
    }
    """
  }

  private var failures: String {
    """
      if d.mode == "until" and t < d.at then error("until@" .. t, 0) end
      if d.mode == "never" then error("never@" .. t, 0) end
      if d.mode == "fail" then fail("fail@" .. t) end
      if d.mode == "version" and d.at == \(version) then error("version@" .. t, 0) end
      if d.mode == "who" and d.who == "\(name)" then error("who@" .. t, 0) end
    """
  }

  private var keyLine: String {
    switch key {
    case .subject: ""
    case .path: "key = \"data.g\",\n  "
    case .function:
      """
      key = function(event)
        local d = event.data
        \(isTame ? "" : "if d.badkey == 0 or d.badkey == \(version) then error(\"no key\", 0) end")
        return d.keys
      end,

      """
    }
  }

  // MARK: what it does

  func hears(_ type: String) -> Bool {
    hears.contains { pattern in
      guard pattern.last == "*" else { return pattern == type }
      let beginning = pattern.dropLast()
      return type.hasPrefix(beginning) && (!type.hasPrefix("moondance.") || beginning.hasPrefix("moondance."))
    }
  }

  /// The keys of an event; nil when they cannot be computed.
  func keys(of event: LogEvent) -> [WorkKey]? {
    switch key {
    case .subject: return [Self.key(event.subject, event)]
    case .path: return event.content.group.map { [Self.key($0, event)] } ?? []
    case .function:
      if !isTame, let bad = event.content.badKey, bad == 0 || bad == version { return nil }
      var keys: [WorkKey] = []
      for name in event.content.keys where !keys.contains(Self.key(name, event)) { keys.append(Self.key(name, event)) }
      return keys
    }
  }

  /// An event with an empty key goes by itself.
  private static func key(_ name: String, _ event: LogEvent) -> WorkKey {
    name.isEmpty ? .own(event.position) : .named(name)
  }

  /// Why a call at `time` (ms) fails; nil when it does not.
  func failure(for content: Content, at time: Int64) -> Content.Mode? {
    if isTame { return nil }
    return switch content.mode {
    case .until? where time < content.at: .until
    case .never?: .never
    case .fail?: .fail
    case .version? where content.at == Int64(version): .version
    case .who? where content.who == name: .who
    default: nil
    }
  }

  struct Effect: Equatable {
    var type: String
    var data: String
    var timer: Timer?

    /// A timer, or the end of one.
    struct Timer: Equatable {
      /// ms; nil: an end.
      var wait: Int64?
      var id: String?
    }
  }

  /// What a call emits that does not fail. The subject of each is its cause's.
  func effects(of event: LogEvent, key: WorkKey, at time: Int64) -> [Effect] {
    let named = key.name.map { "\"k\":\"\($0)\"," } ?? ""
    let did = "{\(named)\"p\":\(event.position),\"r\":\"\(name)\",\"t\":\(time),\"v\":\(version)}"
    var effects = [Effect(type: "Did", data: did)]
    if event.content.hops > 0, event.content.steps > 0 {
      for index in 1...event.content.steps {
        effects.append(Effect(type: "Step", data: event.content.step(index).json))
      }
    }
    let content = event.content
    if let name = content.cancel {
      effects.append(Effect(type: "timer moondance.timer.cancelled", data: "", timer: Effect.Timer(id: name)))
    }
    if let wait = content.after {
      let data = Content(number: content.number).json
      effects.append(Effect(type: "timer Step", data: data, timer: Effect.Timer(wait: wait, id: content.id)))
    }
    return effects
  }

  /// The wait after so many failed calls, in µs, without jitter.
  func pause(after attempt: Int) -> Int64 {
    var wait = first
    var steps = attempt - 1
    if first == 0 {
      if steps == 0 { return 0 }
      wait = 200
      steps -= 1
    }
    for _ in 0..<steps { wait = min(cap, wait * factor) }
    return min(wait, cap) * 1000
  }
}
