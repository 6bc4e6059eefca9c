import Engine
import Events
import LogStorage

/// One commit of the process, made again.
struct ErrandWork {
  private let header: CommitHeader
  private let reader: UInt32
  private let through: UInt64
  private let generations: [[Behaviour]]
  /// Of the log before the commit.
  private let before: ArraySlice<LogEvent>
  /// What the commit says of instances, and what they have made in it, by key.
  private(set) var records: [WorkKey: InstanceRecord] = [:]
  private(set) var effects: [WorkKey: [LogEvent]] = [:]
  /// When the workers got it, µs.
  private var now: Int64 = 0
  /// Bells that instances were told, and how many of those they had missed.
  private(set) var bells = 0
  private(set) var missed = 0
  /// Of these the log is to be told.
  private(set) var changed: Set<WorkKey> = []

  init(
    _ header: CommitHeader, reader: UInt32, through: UInt64, generations: [[Behaviour]], events: ArraySlice<LogEvent>
  ) {
    (self.header, self.reader, self.through, self.generations, before) = (header, reader, through, generations, events)
  }

  /// The variant of the script in a generation.
  private func variant(_ generation: UInt32) -> Errand.Variant {
    generations[Int(generation) - 1].lazy.compactMap(\.errand).first!
  }

  mutating func read(
    _ views: [RecordView], _ new: ArraySlice<LogEvent>, _ errands: ErrandsModel, _ place: String
  ) throws(Violation) {
    for view in views where view.kind == .instance {
      guard let record = InstanceRecord(view.fields), record.reader == reader else {
        throw Violation(.oneOrder, "\(place) speaks of an instance that is none of its own")
      }
      let key = WorkKey(record.key)
      try expect(records[key] == nil, .oneOrder, "\(place) speaks twice of \(key)")
      records[key] = record
      guard let said = record.state.flatMap({ ProcessInstance($0) }), let last = said.steps.last else { continue }
      let known = errands.live[key].map { $0.start.position == said.start ? $0.nextStep : 0 } ?? 0
      if Int(said.nextStep) > known { now = max(now, last.now) }
    }
    try expect(views.count == records.count + 1, .oneOrder, "\(place) holds what only others write")
    for event in new {
      let key = event.isCommand ? event.reply?.key.map { WorkKey($0) } : .named(event.subject)
      guard let key else { throw Violation(.allOrNothing, "\(place): \(event) is nobody's") }
      effects[key, default: []].append(event)
      // Of an instance that ends with this commit only its effects are left.
      guard let members = FlatJSON.members(of: event.data), let time = members.first(where: { $0.name == "t" }),
        case .integer(let told) = time.value, now / 1000 < told
      else { continue }
      now = told * 1000
    }
    // What has left nothing at all may have been made at any time.
    if now == 0 { now = header.time }
    try expect(now <= header.time, .deterministic, "\(place) of \(header.time) was made at \(now)")
  }

  // MARK: what an instance hears

  mutating func handle(
    _ event: LogEvent, _ key: WorkKey, _ oracle: inout Oracle, _ place: String
  ) throws(Violation) {
    guard var instance = oracle.errands.live[key] else { return try begin(event, key, &oracle.errands, place) }
    // The call at a deadline has failed before, and is made now.
    if event.position == instance.start.position { return try wake(key, through: .max, &oracle.errands, place) }
    try settle(&instance, key, &oracle.errands, place)
    try catchUp(&instance, before: event.position, key, place)
    if let deadline = instance.deadline, deadline < event.time { try advance(&instance, .timeout, key, place) }
    let isOver = instance.course.wait == .ended
    if !isOver { try hear(event, &instance, key, oracle, place) }
    keep(instance, key, &oracle.errands)
    // It has ended before the event came, which may begin the next one.
    if isOver { try begin(event, key, &oracle.errands, place) }
  }

  private mutating func begin(
    _ event: LogEvent, _ key: WorkKey, _ errands: inout ErrandsModel, _ place: String
  ) throws(Violation) {
    guard event.type == "Errand" else { return }
    var instance = ErrandInstance(
      start: event, generation: header.generation, course: Course(variant(header.generation), event, words: nil),
      cause: event.position)
    try advance(&instance, .start, key, place)
    noteMissed(&instance, key)
    keep(instance, key, &errands)
  }

  private mutating func hear(
    _ event: LogEvent, _ instance: inout ErrandInstance, _ key: WorkKey, _ oracle: Oracle, _ place: String
  ) throws(Violation) {
    let address = event.reply
    // It waited for its key while the instance began.
    if event.position < instance.start.position { return }
    switch event.type {
    case Errand.bell:
      guard instance.bells.contains(event.subject) else { return }
      if event.position <= instance.caughtUp {
        // It is told once, as it was missed.
        guard let index = instance.missed.firstIndex(of: event.position) else { return }
        instance.missed.remove(at: index)
        missed += 1
      }
      try take(event, &instance, key, place)
    case "Errand":
      instance.ignoredStarts += 1
      changed.insert(key)
    case "Halt": try abort(&instance, event, key, place)
    case Errand.verb:
      switch Errand.Verb(event.data) {
      case .cancel?: try abort(&instance, event, key, place)
      case .end?: try advance(&instance, .cancel, at: event.position, key, place)
      case .move?: break
      case nil: throw Violation(.kept, "\(place): nobody understands \(event.data)")
      }
    case "moondance.decided":
      // An answer is for who asked, not for who has the same key now, and not for another question.
      guard instance.course.wait == .outcome, address?.start == instance.start.position,
        address?.step == UInt32(instance.asker), let outcome = oracle.bank.outcomes[event.cause]?.outcome
      else { return }
      let count = outcome.result == .accepted ? Int(outcome.effects.count) : nil
      try advance(&instance, .outcome(count), at: event.position, key, place)
    default:
      if let address, address.start != instance.start.position { return }
      try take(event, &instance, key, place)
    }
  }

  private mutating func take(
    _ event: LogEvent, _ instance: inout ErrandInstance, _ key: WorkKey, _ place: String
  ) throws(Violation) {
    instance.mailbox.append(event)
    if event.type == Errand.bell { bells += 1 }
    changed.insert(key)
    try look(&instance, key, place)
  }

  // MARK: what it has missed

  /// Bells since its start that its reader has passed already. How far the reader was when the workers had the batch only the
  /// record tells, when a part of the batch did not happen.
  private func noteMissed(_ instance: inout ErrandInstance, _ key: WorkKey) {
    let said = records[key]?.state.flatMap { ProcessInstance($0) }
    instance.caughtUp = max(through, said?.start == instance.start.position ? said!.caughtUp : 0)
    let subjects = instance.bells
    instance.missed = before[Int(instance.start.position)..<max(Int(instance.start.position), Int(instance.caughtUp))]
      .filter { $0.type == Errand.bell && subjects.contains($0.subject) }.map(\.position)
  }

  /// It is told that at its place among what it hears.
  private mutating func catchUp(
    _ instance: inout ErrandInstance, before position: UInt64, _ key: WorkKey, _ place: String
  ) throws(Violation) {
    while instance.course.wait != .ended, let next = instance.missed.first, next < position {
      instance.missed.removeFirst()
      missed += 1
      let bell = before[Int(next) - 1]
      if let deadline = instance.deadline, deadline < bell.time { try advance(&instance, .timeout, key, place) }
      if instance.course.wait != .ended { try take(bell, &instance, key, place) }
      changed.insert(key)
    }
  }

  /// It rolls back where it awaits something; where it waits for an outcome it goes on waiting.
  private mutating func abort(
    _ instance: inout ErrandInstance, _ event: LogEvent, _ key: WorkKey, _ place: String
  ) throws(Violation) {
    if instance.isTold { return }
    instance.isTold = true
    let goesOn = instance.course.wait == .outcome || instance.course.isRollingBack
    if !goesOn { return try advance(&instance, .abort, at: event.position, key, place) }
    try step(&instance, .abort, at: event.position, key, place)
  }

  // MARK: time

  /// A deadline that has passed is called, though nothing has come.
  mutating func wake(
    _ key: WorkKey, through position: UInt64, _ errands: inout ErrandsModel, _ place: String
  ) throws(Violation) {
    guard var instance = errands.live[key] else { return }
    let isLate = instance.deadline.map { $0 < header.time } ?? false
    guard isLate || !instance.missed.isEmpty, position == .max || !agrees(instance, key) else { return }
    // What has come in time is heard first.
    if instance.missed.isEmpty, let deadline = instance.deadline, position < UInt64(before.count),
      before[Int(position)].time <= deadline
    {
      return
    }
    try settle(&instance, key, &errands, place)
    try catchUp(&instance, before: .max, key, place)
    // What it waits for by other scripts passes by the reader's clock, which may be behind the commit's: the record tells.
    if let deadline = instance.deadline, deadline < header.time, !agrees(instance, key) {
      try advance(&instance, .timeout, key, place)
    }
    keep(instance, key, &errands)
  }

  // MARK: going on

  private mutating func keep(_ instance: ErrandInstance, _ key: WorkKey, _ errands: inout ErrandsModel) {
    let isOver = instance.course.wait == .ended
    if isOver { errands.ended += 1 }
    errands.live[key] = isOver ? nil : instance
  }

  /// Goes on until it waits for what is not there.
  private mutating func advance(
    _ instance: inout ErrandInstance, _ input: Course.Input, at position: UInt64 = 0, _ key: WorkKey, _ place: String
  ) throws(Violation) {
    try step(&instance, input, at: position, key, place)
    wait(&instance, since: now)
    try look(&instance, key, place)
  }

  private mutating func look(_ instance: inout ErrandInstance, _ key: WorkKey, _ place: String) throws(Violation) {
    while true {
      if let index = instance.fitting {
        let event = instance.mailbox.remove(at: index)
        try step(&instance, .event(type: event.type, position: event.position), at: event.position, key, place)
      } else if let deadline = instance.deadline, deadline <= instance.since {
        try step(&instance, .timeout, key, place)
      } else {
        return
      }
      wait(&instance, since: now)
    }
  }

  private func wait(_ instance: inout ErrandInstance, since time: Int64) {
    (instance.since, instance.deadline) = (time, nil)
    switch instance.course.wait {
    case .outcome: instance.asker = instance.nextStep - 1
    case .events(_, _, let within): instance.deadline = within.map { time + $0 }
    case .sleep(let span): instance.deadline = time + span
    case .ended, .restarted: break
    }
  }

  private mutating func step(
    _ instance: inout ErrandInstance, _ input: Course.Input, at position: UInt64 = 0, _ key: WorkKey, _ place: String
  ) throws(Violation) {
    changed.insert(key)
    if position > 0 { instance.cause = position }
    let made = instance.course.resume(input, now: now)
    try expect(
      !instance.course.hasFailed, .deterministic, "\(place): \(key), given \(input), is to fail at \(now), and does not"
    )
    for effect in made {
      let found = effects[key]?.isEmpty == false ? effects[key]!.removeFirst() : nil
      let address = ReplyAddress(
        reader: reader, start: instance.start.position, step: UInt32(instance.nextStep),
        key: Array((key.name ?? "").utf8))
      try expect(
        found?.type == effect.type && found?.subject == effect.subject && found?.data == effect.data
          && found?.isCommand == effect.isCommand && found?.cause == instance.cause && found?.root == instance.root
          && found?.depth == instance.start.depth + 1
          && (!effect.isCommand || found?.reply == address), .deterministic,
        "\(place): \(key), given \(input), is to make \(effect), and has made \(String(describing: found)) of \(instance.start.content.words)"
      )
    }
    instance.steps.append(ErrandInstance.Step(input: input, now: now, effects: made))
    guard case .restarted(let words) = instance.course.wait else { return }
    instance.restart(with: words)
    try step(&instance, .start, key, place)
  }

  // MARK: other scripts

  /// On other scripts than it began with it goes on when its whole history is the same there.
  private mutating func settle(
    _ instance: inout ErrandInstance, _ key: WorkKey, _ errands: inout ErrandsModel, _ place: String
  ) throws(Violation) {
    guard instance.generation != header.generation, instance.stays?.generation != header.generation else { return }
    changed.insert(key)
    var course = Course(variant(header.generation), instance.start, words: instance.words)
    for (index, known) in instance.steps.enumerated() where course.resume(known.input, now: known.now) != known.effects
    {
      instance.stays = (header.generation, index)
      errands.stayed += 1
      return
    }
    errands.moved += 1
    let old = instance.course.wait
    (instance.course, instance.generation, instance.stays) = (course, header.generation, nil)
    if course.wait == old { return }
    wait(&instance, since: instance.since)
    try look(&instance, key, place)
  }
}
