import Engine
import Events
import LogStorage
import Scripts
import TestKit

/// What those outside send.
extension Simulator {
  func send(_ step: Swarm.Step) {
    switch step {
    case .burst:
      for _ in 0..<(2 + seed.below(4)) { submit((0..<(20 + seed.below(60))).map { _ in item(isPlain: true) }) }
    case .duplicate:
      guard let old = known() else { return }
      submit(seed.oneIn(3) ? [item(), old, old] : [old])
    case .conflict:
      guard let old = known() else { return }
      var other = item()
      other.id = old.id
      submit(seed.oneIn(3) ? [item(), other] : [other])
    case .expecting:
      var event = item()
      event.subject = "s\(seed.below(swarm.subjects))"
      let last = oracle.events.last { $0.timer == nil && !$0.isCommand && $0.subject == event.subject }?.position ?? 0
      submit([event], expecting: seed.oneIn(3) ? UInt64(seed.below(oracle.head + 1)) : last)
    case .stream:
      if streams.isEmpty || seed.oneIn(4) {
        streams.append((nextStream, IngressStream()))
        nextStream += 1
      }
      let stream = streams[seed.below(streams.count)]
      let old = seed.oneIn(3) ? known().map { [$0] } ?? [] : []
      submit(old + (0..<(1 + seed.below(3))).map { _ in item() }, stream: stream)
    default: submit((0..<(1 + seed.below(3))).map { _ in item() })
    }
  }

  /// A new event.
  private func item(isPlain: Bool = false) -> Ledger.Item {
    if swarm.hasErrands, !seed.oneIn(3) { return errandItem() }
    if swarm.hasBank, seed.oneIn(swarm.hasErrands ? 2 : 3) { return bankItem() }
    var content = Content(number: takeNumber())
    if swarm.failures > 0, seed.oneIn(swarm.failures) {
      content.mode = mode()
      content.next = seed.oneIn(2) ? mode() : nil
      let now = machine.clock.wallMicroseconds() / 1000
      content.at =
        content.mode == .version || content.next == .version
        ? Int64(1 + seed.below(3)) : now + Int64([10, 400, 5000, 60_000][seed.below(4)])
      content.who = Palette.names[seed.below(Palette.names.count)]
      if seed.oneIn(3) { content.badKey = seed.below(4) }
    }
    if !isPlain, seed.oneIn(3) {
      content.hops = seed.below(swarm.hops + 1)
      content.steps = content.hops > 0 ? 1 + seed.below(2) : 0
    }
    if swarm.timers > 0, seed.oneIn(swarm.timers) {
      if !seed.oneIn(3) { content.after = [0, 1, 300, 1000, 5000, 60_000, 3_600_000][seed.below(7)] }
      if seed.oneIn(2) { content.id = "t\(seed.below(3))" }
      if seed.oneIn(3) { content.cancel = "t\(seed.below(3))" }
    }
    if !seed.oneIn(4) { content.keys = (0..<(1 + seed.below(3))).map { _ in name("k") } }
    if !seed.oneIn(4) { content.group = name("g") }
    return Ledger.Item(
      number: content.number, type: ["Order", "Order", "Pay", "Ship", "Other"][seed.below(5)],
      subject: name("s"), data: content.json,
      id: seed.oneIn(2) ? "id-\(content.number)" : nil)
  }

  func takeNumber() -> Int {
    nextNumber += 1
    return nextNumber - 1
  }

  /// Of a subject or a key; sometimes none.
  private func name(_ kind: String) -> String { seed.oneIn(12) ? "" : "\(kind)\(seed.below(swarm.subjects))" }

  private func mode() -> Content.Mode {
    [.until, .until, .until, .never, .fail, .version, .who][seed.below(7)]
  }

  /// An event with an identity that was sent before.
  private func known() -> Ledger.Item? {
    guard nextNumber > 1 else { return nil }
    for _ in 0..<10 {
      let number = seed.oneIn(2) ? 1 + seed.below(nextNumber) : max(1, nextNumber - 1 - seed.below(10))
      if let item = ledger.items[number], item.id != nil { return item }
    }
    return nil
  }

  private func submit(
    _ items: [Ledger.Item], expecting: UInt64? = nil, stream: (number: Int, stream: IngressStream)? = nil
  ) {
    guard let hash = machine.opened?.hash else { return }
    let index = ledger.add(
      Ledger.Append(items: items, expecting: expecting, stream: stream?.number, head: oracle.head))
    let batch = EntryBatch(hash: hash)
    for item in items { batch.add(item, forgettingIdentity: machine.bug == .duplicateAsNew && seed.oneIn(3)) }
    machine.put(
      .append(
        AppendJob(batch: batch, expecting: expecting.map { Position($0) }, stream: stream?.stream) {
          [unowned self] outcome in
          ledger.answered(index, outcome)
        }))
    note("append \(index) of \(items.map(\.number).brief)\(stream.map { " in stream \($0.number)" } ?? "")")
  }
}

extension EntryBatch {
  /// - forgettingIdentity: the bug of a door that does not recognise what it has seen.
  func add(_ item: Ledger.Item, kind: RecordKind = .event, forgettingIdentity: Bool) {
    item.type.withBytes { type in
      item.subject.withBytes { subject in
        item.data.withBytes { begin(kind: kind, type: type, subject: subject, data: $0, encoding: .json) }
      }
    }
    guard let id = item.id else { return end() }
    id.withBytes { id in
      "test".withBytes { source in
        addAttribute(.id, id)
        addAttribute(.source, source)
        end(identityHash: forgettingIdentity ? 0 : hash.identity(source: source, id: id))
      }
    }
  }
}

extension String {
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try Array(utf8).withUnsafeBytes(body)
  }
}
