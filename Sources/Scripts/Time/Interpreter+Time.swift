internal import Events
internal import LuaRuntime

/// The words of `time`: what calendars and clocks say. They look at nothing but their arguments, so they work everywhere.
extension Interpreter {
  func registerTime() throws(LuaError) {
    let words = TimeWords(call: call)
    let table = try state.makeTable()
    // What they cost is about what they take, at 5 ns an instruction.
    try state.register("parse", in: table, cost: 60) { words.parse($0) }
    try state.register("text", in: table, cost: 100) { words.text($0) }
    try state.register("parts", in: table, cost: 400) { words.parts($0) }
    try state.register("add", in: table, cost: 150) { words.add($0) }
    try state.register("days", in: table, cost: 60) { words.days($0) }
    try state.register("next", in: table, cost: 500) { words.next($0) }
    try state.set(.words, "time", .ref(table))
  }
}

/// What the words of `time` do. One interpreter's, so one thread's.
struct TimeWords {
  let call: CallState
  private let book = TimeBook()

  init(call: CallState) { self.call = call }

  /// Why a word has no result: what the script is told.
  private struct Refusal: Error {
    var message: String
    init(_ message: String) { self.message = message }
  }

  private func reply(_ body: () throws(Refusal) -> Void) -> LuaReply {
    do throws(Refusal) {
      try body()
      return .done
    } catch {
      return .error(error.message)
    }
  }

  // MARK: words

  func parse(_ arguments: borrowing LuaCall) -> LuaReply {
    guard let text = arguments[0].string else {
      return .error("time.parse wants text: time.parse(\"2026-01-31T12:00:00Z\"); this is \(article(arguments[0]))")
    }
    let named = arguments[1]
    return reply { () throws(Refusal) in
      let zone: Zone? = named.isNone ? nil : try self.zone(named, "time.parse")
      if let time = TimeText.parse(text, in: zone) { return arguments.add(.integer(try inRange(time, "time.parse"))) }
      let hint =
        TimeText.wallTime(text) == nil
        ? "write \"2026-01-31T12:00:00Z\", or a date such as \"2026-01-31\""
        : "it says no offset: add Z, +01:00, or a zone: time.parse(text, \"Europe/Berlin\")"
      throw Refusal("time.parse: \"\(arguments[0].shown)\" is no time\n  \(hint)")
    }
  }

  func text(_ arguments: borrowing LuaCall) -> LuaReply {
    let (given, named) = (arguments[0], arguments[1])
    return reply { () throws(Refusal) in
      let (time, zone) = (try self.time(given, "time.text"), try self.zone(named, "time.text"))
      var writer = ByteWriter(capacity: 32)
      TimeText.write(time, in: zone, into: &writer)
      arguments.add(.string(writer.bytes))
    }
  }

  func parts(_ arguments: borrowing LuaCall) -> LuaReply {
    let (given, named) = (arguments[0], arguments[1])
    return reply { () throws(Refusal) in
      let (time, zone) = (try self.time(given, "time.parts"), try self.zone(named, "time.parts"))
      let offset = zone.offset(at: time)
      let wall = WallTime(time + offset)
      let date = Timestamp.civil(wall.day)
      let weekday = WallTime.weekday(of: wall.day)
      let parts = [
        ("year", date.year), ("month", date.month), ("day", date.day), ("hour", wall.time / 3_600_000),
        ("minute", wall.time / 60_000 % 60), ("second", wall.time / 1000 % 60), ("millisecond", wall.time % 1000),
        ("weekday", weekday == 0 ? 7 : weekday), ("yearday", wall.day - Timestamp.days(date.year, 1, 1) + 1),
        ("offset", offset),
      ]
      let json = "{\(parts.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ","))}"
      Array(json.utf8).withUnsafeBytes { arguments.add(.json($0)) }
    }
  }

  func add(_ arguments: borrowing LuaCall) -> LuaReply {
    let (given, amount, options) = (arguments[0], arguments[1], arguments[2])
    return reply { () throws(Refusal) in
      let time = try self.time(given, "time.add")
      guard let span = amount.text.flatMap({ CalendarSpan($0) }) else {
        throw Refusal(
          "time.add: \(amount.kind == .string ? "\"\(amount.shown)\"" : article(amount)) is no span\n"
            + "  a span is text with a unit: \"90m\", \"-2d\", \"1mo\" (units: ms s m h d w mo y)")
      }
      let (zone, anchor) = try addOptions(options)
      if anchor != nil, case .months = span {
      } else if anchor != nil {
        throw Refusal("time.add: day goes with months and years\n  write time.add(t, \"1mo\", { day = 31 })")
      }
      let offset = zone.offset(at: time)
      let wall = WallTime(time + offset)
      let result =
        switch span {
        case .milliseconds(let milliseconds): time + milliseconds
        case .days(let days):
          zone.instant(of: WallTime(wall.milliseconds + days * WallTime.day), preferring: offset)
        case .months(let months): zone.instant(of: wall.adding(months: months, anchor: anchor), preferring: offset)
        }
      arguments.add(.integer(try inRange(result, "time.add")))
    }
  }

  func days(_ arguments: borrowing LuaCall) -> LuaReply {
    let (first, second, named) = (arguments[0], arguments[1], arguments[2])
    return reply { () throws(Refusal) in
      let zone = try self.zone(named, "time.days")
      let from = zone.wallTime(at: try self.time(first, "time.days"))
      let to = zone.wallTime(at: try self.time(second, "time.days"))
      arguments.add(.integer(to.day - from.day))
    }
  }

  func next(_ arguments: borrowing LuaCall) -> LuaReply {
    let (when, named, given) = (arguments[0], arguments[1], arguments[2])
    return reply { () throws(Refusal) in
      let cron = try cron(when)
      let zone = try self.zone(named, "time.next")
      let start: Int64
      if !given.isNone {
        start = try self.time(given, "time.next")
      } else if call.makesEffects {
        start = call.now.milliseconds
      } else {
        throw Refusal("time.next wants to know after which time here\n  write time.next(\"08:00\", zone, t)")
      }
      guard let next = cron.next(after: start, in: zone) else {
        throw Refusal("time.next: there is none after \(start)")
      }
      arguments.add(.integer(try inRange(next, "time.next")))
    }
  }

  // MARK: arguments

  /// A time of day, or a cron expression.
  private func cron(_ value: LuaSlot) throws(Refusal) -> Cron {
    guard let bytes = value.string else {
      throw Refusal(
        "time.next wants a time of day first: time.next(\"08:00\", \"Europe/Berlin\"); this is \(article(value))")
    }
    let text = bytes.text
    if let time = TimeText.timeOfDay(text) { return Cron(dailyAt: time) }
    guard text.contains(" ") || text.hasPrefix("@") else {
      throw Refusal(
        "time.next: \"\(text)\" is no time of day\n  write \"08:00\", or a cron expression such as \"0 8 * * mon-fri\"")
    }
    do throws(Cron.Problem) {
      return try book.cron(bytes)
    } catch {
      throw Refusal("time.next: \(error.what)\n  \(error.hint)")
    }
  }

  private func addOptions(_ options: LuaSlot) throws(Refusal) -> (zone: Zone, anchor: Int64?) {
    if options.isNone { return (.utc, nil) }
    guard options.kind == .table else {
      throw Refusal("time.add's third argument is a table: time.add(t, \"1mo\", { zone = …, day = 31 })")
    }
    var unknown: String?
    options.forEach { key, _ in
      if Words.timeAddOptions[key.shown] == nil { unknown = key.shown }
      return unknown == nil
    }
    if let unknown {
      let near = NearestName.of(unknown, among: Words.timeAddOptions.keys.map(\.name))
      throw Refusal("time.add has no option \"\(unknown)\"\(near.map { ": did you mean \($0)?" } ?? "")")
    }
    // What is given to a closure cannot say how it fails.
    var refusal: Refusal?
    func noting<Value>(_ usual: Value, _ read: () throws(Refusal) -> Value) -> Value {
      do throws(Refusal) {
        return try read()
      } catch {
        refusal = refusal ?? error
        return usual
      }
    }
    let zone = options.withField("zone") { slot in
      noting(.utc) { () throws(Refusal) in try self.zone(slot, "time.add") }
    }
    let anchor = options.withField("day") { slot in
      noting(nil) { () throws(Refusal) in try self.anchor(slot) }
    }
    if let refusal { throw refusal }
    return (zone, anchor)
  }

  private func anchor(_ value: LuaSlot) throws(Refusal) -> Int64? {
    if value.isNone { return nil }
    if let day = value.integer, (1...31).contains(day) { return day }
    throw Refusal("time.add: day is \(value.shown); a day of the month is wanted, 1 to 31")
  }

  private func time(_ value: LuaSlot, _ word: String) throws(Refusal) -> Int64 {
    guard let time = value.integer else {
      throw Refusal(
        "\(word) wants a time: whole milliseconds since 1970, such as now() or event.time; this is "
          + (value.kind == .number ? value.shown : article(value)))
    }
    return try inRange(time, word)
  }

  private func inRange(_ time: Int64, _ word: String) throws(Refusal) -> Int64 {
    if TimeText.range.contains(time) { return time }
    throw Refusal("\(word): \(time) is not in the years 1 to 9999\n  a time is in milliseconds since 1970")
  }

  private func zone(_ value: LuaSlot, _ word: String) throws(Refusal) -> Zone {
    if value.isNone { return .utc }
    guard let name = value.string else {
      throw Refusal("\(word): the zone is \(article(value)); a name is wanted: \"Europe/Berlin\"")
    }
    if let zone = book.zone(named: name) { return zone }
    throw Refusal("\(word): there is no zone \"\(name.text)\"\n  \(Zone.hint(for: name.text))")
  }

  private func article(_ value: LuaSlot) -> String { BodyReader.article(value) }
}
