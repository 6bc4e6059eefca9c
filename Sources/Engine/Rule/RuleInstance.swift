import Events
import Scripts

/// What a rule has heard for one key, and what became of it: the state of its `instance` records, and the decisions. A
/// value: what to do is returned, and done by others.
struct RuleInstance: Equatable {
  enum Phase: UInt8 {
    /// Nothing that counts has come.
    case idle = 0
    /// It waits for more, or for the time to be over.
    case open = 1
    /// The count was reached and has not fallen since.
    case alarmed = 2
    /// It has fired or was closed, and nothing opens it again.
    case closed = 3
  }

  /// An event that counts.
  struct Heard: Equatable {
    var position: UInt64
    /// Commit time, µs.
    var time: Int64
    /// Of a join and an absence.
    var type: [UInt8] = []
    /// Of a count: whether `where` holds.
    var holds = true
  }

  /// What is to be done, on account of which event.
  struct Firing: Equatable {
    enum What { case effect, otherwise, cleared }
    var what: What
    var heard: [Heard]
    var cause: UInt64
  }

  private(set) var phase = Phase.idle
  /// In the order of the log.
  private(set) var heard: [Heard] = []
  /// The event that opened it, or raised the alarm.
  private(set) var opener: UInt64 = 0
  /// When it has waited long enough, µs; it is kept in the record and not in the state.
  var deadline: Int64?

  init() {}

  // MARK: events

  /// Hears an event. `holds`: whether `where` holds for it, which is asked of `when` events only.
  mutating func hear(
    _ event: Heard, _ role: RuleDeclaration.Role, holds: Bool, _ rule: RuleDeclaration
  ) -> [Firing] {
    switch rule.shape {
    case .each: return [Firing(what: .effect, heard: [event], cause: event.position)]
    case .join: return holds ? join(event, rule) : []
    case .absence:
      wait(event, role, holds: holds, rule)
      return []
    case .count:
      var event = event
      event.holds = holds
      return count(event, rule)
    }
  }

  /// Whether `where` need not be asked: whatever it said, the event would change nothing.
  var ignoresEvents: Bool { phase == .closed }

  private mutating func join(_ event: Heard, _ rule: RuleDeclaration) -> [Firing] {
    if phase == .closed || heard.contains(where: { $0.type == event.type }) { return [] }
    if phase == .idle { open(by: event, rule) } else { insert(event) }
    guard rule.when.allSatisfy({ pattern in heard.contains { $0.type.elementsEqual(pattern.text.utf8) } }) else {
      return []
    }
    let firing = Firing(what: .effect, heard: heard, cause: event.position)
    close(rule)
    return [firing]
  }

  private mutating func wait(_ event: Heard, _ role: RuleDeclaration.Role, holds: Bool, _ rule: RuleDeclaration) {
    if phase == .closed { return }
    // What came before it was opened says nothing about what follows.
    if phase == .open, role.isUnless, event.position > opener {
      close(rule)
      if role.isWhen { self = RuleInstance() }
      if role.isWhen, !holds { close(rule) }
    }
    if phase == .idle, role.isWhen, holds { open(by: event, rule) }
  }

  private mutating func count(_ event: Heard, _ rule: RuleDeclaration) -> [Firing] {
    if phase == .closed || rule.of == nil && !event.holds { return [] }
    insert(event)
    keepNewest(rule, at: heard[heard.count - 1].time)
    let counted = heard.filter(\.holds)
    var firings: [Firing] = []
    if counted.count >= rule.count {
      guard phase != .alarmed else {
        setClearing(rule)
        return []
      }
      firings = [Firing(what: .effect, heard: counted, cause: event.position)]
      if rule.again == .cleared {
        (phase, opener) = (.alarmed, event.position)
        setClearing(rule)
      } else {
        close(rule)
      }
    } else {
      if phase == .alarmed { firings = clear(rule, cause: event.position) }
      phase = .open
    }
    return firings
  }

  // MARK: time

  /// Its deadline has passed.
  mutating func pass(_ rule: RuleDeclaration) -> [Firing] {
    guard let deadline else { return [] }
    self.deadline = nil
    switch (phase, rule.shape) {
    case (.open, .join), (.open, .absence):
      let firing = Firing(what: .otherwise, heard: heard, cause: opener)
      close(rule)
      return rule.otherwise == nil ? [] : [firing]
    case (.alarmed, .count):
      guard let within = rule.within else { return [] }
      heard.removeAll { $0.time + within <= deadline }
      let firings = clear(rule, cause: opener)
      phase = heard.isEmpty ? .idle : .open
      return firings
    default: return []
    }
  }

  private func clear(_ rule: RuleDeclaration, cause: UInt64) -> [Firing] {
    rule.cleared == nil ? [] : [Firing(what: .cleared, heard: [], cause: cause)]
  }

  // MARK: changes

  private mutating func open(by event: Heard, _ rule: RuleDeclaration) {
    self = RuleInstance()
    (phase, heard, opener) = (.open, [event], event.position)
    deadline = rule.within.map { event.time + $0 }
  }

  private mutating func close(_ rule: RuleDeclaration) {
    self = RuleInstance()
    if rule.again != .always { phase = .closed }
  }

  /// An event that comes late goes where it stands in the log.
  private mutating func insert(_ event: Heard) {
    let index = heard.lastIndex { $0.position < event.position }.map { $0 + 1 } ?? 0
    heard.insert(event, at: index)
  }

  /// Of a count: no more than it needs, and nothing too old.
  private mutating func keepNewest(_ rule: RuleDeclaration, at time: Int64) {
    let most = rule.of ?? rule.count
    if heard.count > most { heard.removeFirst(heard.count - most) }
    if let within = rule.within { heard.removeAll { time - $0.time > within } }
  }

  /// Of an alarm: when so many of the counted events are too old that the count falls.
  private mutating func setClearing(_ rule: RuleDeclaration) {
    guard let within = rule.within else { return }
    let times = heard.filter(\.holds).map(\.time).sorted()
    deadline = times.count >= rule.count ? times[times.count - rule.count] + within : nil
  }
}

// MARK: - In the log

extension RuleInstance {
  /// From the state of a record; what another kind of rule has left, and what was heard of types that are named no more,
  /// does not count.
  init(_ bytes: [UInt8]?, deadline: Int64?, of rule: RuleDeclaration) {
    self.init()
    guard let bytes else { return }
    var shape: UInt8 = 0
    bytes.withUnsafeBytes { bytes in
      for field in FieldReader(bytes) {
        switch field.tag {
        case 1: shape = UInt8(truncatingIfNeeded: field.integer)
        case 2: phase = Phase(rawValue: UInt8(truncatingIfNeeded: field.integer)) ?? .idle
        case 3: opener = field.integer
        case 4: heard.append(Self.heard(field.fields))
        case 5: heard += Self.counted(field.value)
        default: break
        }
      }
    }
    guard shape == rule.shape.rawValue else {
      self = RuleInstance()
      return
    }
    self.deadline = deadline
    guard phase == .open, rule.shape == .join || rule.shape == .absence else { return }
    heard.removeAll { heard in
      !rule.when.contains { pattern in heard.type.withUnsafeBytes { pattern.matches($0) } }
    }
    guard let first = heard.first else {
      self = RuleInstance()
      return
    }
    if !heard.contains(where: { $0.position == opener }) { opener = first.position }
  }

  private static func heard(_ fields: FieldReader) -> Heard {
    var heard = Heard(position: 0, time: 0)
    for field in fields {
      switch field.tag {
      case 1: heard.type = field.array
      case 2: heard.position = field.integer
      case 3: heard.time = Int64(bitPattern: field.integer)
      default: break
      }
    }
    return heard
  }

  private static func counted(_ bytes: UnsafeRawBufferPointer) -> [Heard] {
    guard let base = bytes.baseAddress else { return [] }
    return stride(from: 0, to: bytes.count - 16, by: 17).map { at in
      Heard(
        position: base.integer(UInt64.self, at: at), time: base.integer(Int64.self, at: at + 8),
        holds: bytes[at + 16] != 0)
    }
  }

  /// Nil: nothing is to be remembered.
  func bytes(of rule: RuleDeclaration) -> [UInt8]? {
    if phase == .idle { return nil }
    var writer = ByteWriter(capacity: 64)
    writer.field(1, rule.shape.rawValue)
    writer.field(2, phase.rawValue)
    if opener > 0 { writer.field(3, opener) }
    if rule.shape == .count {
      if !heard.isEmpty {
        writer.field(5) { writer in
          for heard in heard {
            writer.append(heard.position)
            writer.append(heard.time)
            writer.append(UInt8(heard.holds ? 1 : 0))
          }
        }
      }
    } else {
      for heard in heard {
        writer.field(4) { writer in
          writer.field(1, heard.type)
          writer.field(2, heard.position)
          writer.field(3, heard.time)
        }
      }
    }
    return Array(writer.bytes)
  }

  /// Of its record. What only counts waits for nothing in particular, and is not looked after.
  func life(of rule: RuleDeclaration) -> InstanceRecord.Life {
    switch phase {
    case .idle: .none
    case .open: rule.shape == .count ? .none : .open
    case .alarmed: .open
    case .closed: .ended
    }
  }
}
