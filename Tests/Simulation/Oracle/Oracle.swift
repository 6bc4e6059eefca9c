import Engine
import Events
import LogStorage

/// Walks the log from its first commit and says at each whether it may stand there, after what stands before it and what
/// was asked from outside. It keeps plain lists, shares no code with the engine's fold, and is asked afterwards what the
/// engine should know.
struct Oracle {
  let scripts: ScriptShelf
  private(set) var events: [LogEvent] = []
  /// The CRCs, last position and time of each commit.
  private(set) var commits: [(chain: CommitChain, last: Int, time: Int64)] = []
  var readers: [ReaderModel] = []
  var generations: [[Behaviour]] = []
  var generationCommits: [UInt64] = []
  /// Where each event from outside is, by its number, and each identity.
  var positions: [Int: UInt64] = [:]
  private var identities: [String: UInt64] = [:]
  /// What orders have done: records, letters resolved, units and letters dropped.
  var done: [Int: Done] = [:]
  var bank = BankModel()
  var errands = ErrandsModel()
  /// By name.
  var rhythms: [RhythmModel] = []
  /// Timers that have not fired, in the order of the log, and how many have.
  var pending: [PendingTimer] = []
  var firedTimers = 0

  struct Done: Equatable {
    var records = 0
    var resolved = 0
    var lastCommit: UInt64 = 0
    var droppedUnits = 0
    var droppedLetters = 0
  }

  init(_ scripts: ScriptShelf) { self.scripts = scripts }

  var head: Int { events.count }

  func event(_ position: UInt64) -> LogEvent? {
    position >= 1 && position <= UInt64(events.count) ? events[Int(position) - 1] : nil
  }

  /// Reads what the log has beyond what was read.
  mutating func catchUp(with log: LogReader, _ ledger: Ledger) throws {
    try log.replay(fromCommit: UInt64(commits.count + 1)) { commit in
      try read(commit, ledger)
      return true
    }
  }

  private mutating func read(_ header: CommitHeader, _ ledger: Ledger) throws(Violation) {
    let last = commits.last
    try expect(
      header.number == UInt64(commits.count + 1), .oneOrder, "commit \(header.number) follows \(commits.count)")
    try expect(
      header.firstPosition.rawValue == UInt64(events.count + 1), .oneOrder,
      "commit \(header.number) begins at \(header.firstPosition), the log has \(events.count)")
    try expect(
      header.time >= last?.time ?? 0, .oneOrder,
      "commit \(header.number) is of \(header.time), the one before of \(last?.time ?? 0)")
    var records: [RecordView] = []
    let first = events.count
    for record in header.records {
      if record.takesPosition { try add(record.entry, header) } else { records.append(record) }
    }
    let new = first..<events.count
    switch header.producer {
    case .door:
      try expect(records.isEmpty, .oneOrder, "commit \(header.number) of the door has records")
      try readDoor(new, ledger)
    case .operator: try readOperator(header, records, new, ledger)
    case .host: try readHost(header, records, new)
    case .clock where records.contains { $0.kind == .schedule }: try readRuns(header, records, new, ledger)
    case .clock: try readClock(header, records, new)
    default: try readProgress(header, records, new, ledger)
    }
    commits.append((header.chain, events.count, header.time))
  }

  private mutating func add(_ entry: EntryView, _ header: CommitHeader) throws(Violation) {
    let position = UInt64(events.count + 1)
    let (type, data) = (entry.type.text, entry.data.text)
    var identity: String?
    if let id = entry.attributes[.id], let source = entry.attributes[.source] {
      identity = "\(source.text) \(id.text)"
      let known = identities.updateValue(position, forKey: identity!)
      try expect(known == nil, .kept, "\(identity!) is at \(known ?? 0) and again at \(position)")
    }
    let entryOfBank = Bank.types.contains(type) ? Bank.Entry(data) : nil
    let isPlain = type.hasPrefix("moondance.") || type == "Did" || Errand.told.contains(type)
    guard
      let content = entryOfBank.map({ Content(number: $0.number) }) ?? (isPlain ? Content(number: 0) : Content(data))
    else {
      throw Violation(.kept, "the event at \(position) has data that nobody sent: \(data)")
    }
    let cause = event(entry.cause)
    let isTimer = entry.rawKind == RecordKind.timer.rawValue
    try expect(
      entry.cause == 0 || cause != nil, .oneOrder, "the event at \(position) stands before its cause \(entry.cause)")
    // What an instance makes goes on from its start, whatever has woken it; its model says which that was.
    let isOfInstance =
      Errand.told.contains(type) || entry.rawKind == RecordKind.command.rawValue && entry.replyAddress != nil
    try expect(
      isOfInstance
        || entry.root == (cause.map { $0.root == 0 ? $0.position : $0.root } ?? 0)
          && (isTimer || Int(entry.depth) == (cause.map { $0.depth + 1 } ?? 0)),
      .oneOrder,
      "the event at \(position), caused by \(entry.cause), has root \(entry.root) and depth \(entry.depth)")
    events.append(
      LogEvent(
        position: position, commit: header.number, type: isTimer ? "timer \(type)" : type, subject: entry.subject.text,
        data: data,
        cause: entry.cause, root: entry.root, depth: Int(entry.depth), identity: identity, time: header.time,
        content: content, bank: entryOfBank, isCommand: entry.rawKind == RecordKind.command.rawValue,
        timer: isTimer ? TimerNote(entry) : nil, reply: entry.replyAddress))
    if let timer = events[events.count - 1].timer { note(timer, at: position) }
    bank.add(events[events.count - 1])
    let balance = bank[entry.subject.text].balance
    try expect(balance >= 0, .deterministic, "\(entry.subject.text) is overdrawn at \(position): \(balance)")
  }

  /// Events from outside: each as it was sent, once.
  private mutating func readDoor(_ new: Range<Int>, _ ledger: Ledger) throws(Violation) {
    for index in new {
      let event = events[index]
      if event.isCommand {
        try readDoor(command: event, ledger)
        continue
      }
      if event.type == Errand.verb {
        try readDoor(verb: event, ledger)
        continue
      }
      guard let item = ledger.items[event.content.number], event.cause == 0 else {
        throw Violation(.kept, "nobody has sent the event at \(event.position)")
      }
      try expect(
        item.type == event.type && item.subject == event.subject && item.data == event.data
          && item.id.map { "test \($0)" } == event.identity, .kept,
        "the event at \(event.position) is \(event), and \(item) was sent")
      let known = positions.updateValue(event.position, forKey: item.number)
      try expect(known == nil, .kept, "event \(item.number) is at \(known ?? 0) and again at \(event.position)")
      try expect(
        ledger.mayBeIn(item.number), .answered, "event \(item.number) is at \(event.position), and was refused")
    }
    try checkWhole(new, ledger)
  }

  /// A request is there as a whole, in its order, or not at all.
  private func checkWhole(_ new: Range<Int>, _ ledger: Ledger) throws(Violation) {
    var checked = -1
    for index in new {
      let number = events[index].content.number
      // Of an event that several requests have carried it cannot be said which one brought it.
      guard let carriers = ledger.carriers[number], carriers.count == 1, carriers[0] != checked else { continue }
      checked = carriers[0]
      let items = ledger.appends[carriers[0]].items
      let places = items.compactMap { positions[$0.number] }
      try expect(
        places.count == items.count, .kept,
        "event \(number) is at \(events[index].position), \(items.count - places.count) others of its request are not")
      let fresh = items.filter { ledger.carriers[$0.number]?.count == 1 }.compactMap { positions[$0.number] }
      try expect(
        fresh == fresh.sorted() && fresh.allSatisfy { $0 > UInt64(new.lowerBound) }, .kept,
        "a request of the events \(items.map(\.number)) lies at \(places)")
    }
  }

  /// On the way to a stop, cursors move over what is not heard.
  private mutating func readHost(
    _ header: CommitHeader, _ records: [RecordView], _ new: Range<Int>
  ) throws(Violation) {
    try expect(new.isEmpty, .oneOrder, "commit \(header.number) of the host has events")
    for record in records {
      guard record.kind == .progress, let progress = ProgressRecord(record.fields),
        progress == ProgressRecord(reader: progress.reader, through: progress.through),
        readers.indices.contains(Int(progress.reader) - 1)
      else { throw Violation(.oneOrder, "commit \(header.number) of the host holds what only others write") }
      let reader = readers[Int(progress.reader) - 1]
      try checkUnheard(reader, through: progress.through, "the host")
      readers[Int(progress.reader) - 1].cursor = max(reader.cursor, progress.through)
    }
  }

  /// Nothing that the reader hears lies between its cursor and `position`.
  func checkUnheard(_ reader: ReaderModel, through position: UInt64, _ who: String) throws(Violation) {
    try expect(
      position <= UInt64(events.count), .oneOrder,
      "\(who) moves \(reader.behaviour.name) to \(position), beyond the log")
    guard position > reader.cursor else { return }
    for at in reader.cursor + 1...position {
      guard let event = event(at), isHeard(event, by: reader) else { continue }
      throw Violation(
        .orderPerKey,
        "\(who) moves \(reader.behaviour.name) from \(reader.cursor) to \(position), over \(at), which it hears")
    }
  }
}
