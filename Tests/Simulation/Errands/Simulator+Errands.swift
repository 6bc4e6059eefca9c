import Engine
import Events
import LogStorage
import TestKit

extension Errand {
  static let verb = "moondance.process"

  /// What operators ask of instances.
  enum Verb: String, CaseIterable {
    case cancel, end, move

    /// From the data of the event that brings it.
    init?(_ data: String) {
      guard let members = FlatJSON.members(of: data), case .text(let verb)? = members.first?.value else { return nil }
      self.init(rawValue: verb)
    }

    var asked: ProcessVerb {
      switch self {
      case .cancel: .cancel
      case .end: .end
      case .move: .move
      }
    }
  }
}

/// What those outside do to instances of the process.
extension Simulator {
  /// Scripts of a deploy, with the process where the run has one, now and then in another variant.
  func withErrands(_ behaviours: [Behaviour]) -> [Behaviour] {
    guard swarm.hasErrands else { return behaviours }
    let others = behaviours.filter { $0.errand == nil }
    let known = behaviours.first { $0.errand != nil }
    let chosen = known.map { seed.oneIn(2) ? $0 : nil } ?? nil
    return others + [chosen ?? errands[seed.below(errands.count)]]
  }

  /// An event that begins, reaches or ends an instance.
  func errandItem() -> Ledger.Item {
    var content = Content(number: takeNumber())
    if swarm.hasBells, seed.oneIn(3) { return bellItem(content) }
    let type = ["Errand", "Errand", "Errand", "Nod", "Nod", "Wink", "Wink", "Halt"][seed.below(8)]
    if type == "Errand" {
      content.words = (0..<(1 + seed.below(6))).map { _ in word().text }
      if swarm.hasBells { addBells(to: &content) }
    }
    return Ledger.Item(
      number: content.number, type: type, subject: "e\(seed.below(8))", data: content.json,
      id: seed.oneIn(2) ? "id-\(content.number)" : nil)
  }

  private func word() -> Errand.Word {
    let isBell = swarm.hasBells && seed.oneIn(2)
    let type = isBell ? Errand.bell : seed.oneIn(6) ? "Withdrawn" : seed.oneIn(2) ? "Nod" : "Wink"
    let span = Int64([0, 20, 400, 5000, 60_000][seed.below(5)])
    switch seed.below(20) {
    case 0, 1, 2: return Errand.Word(.pay, account(), Int64(1 + seed.below(12)))
    case 3, 4, 5: return Errand.Word(.need, account(), Int64(1 + seed.below(12)))
    case 6, 7, 8: return Errand.Word(.hear, type, span)
    case 9: return Errand.Word(.wait, type)
    case 10: return Errand.Word(.both, "x", span)
    case 11: return Errand.Word(.nap, "x", span)
    case 12: return Errand.Word(.spin, type, [1, 3, 66, 140][seed.below(4)])
    case 13: return Errand.Word(.back)
    case 16: return till()
    case 14, 15: return Errand.Word(.again)
    default: return Errand.Word(.note)
    }
  }

  func till() -> Errand.Word {
    // Not the wall clock's time: the host does not follow every jump.
    let now = max(machine.core?.now ?? 0, oracle.commits.last?.time ?? 0) / 1000
    return Errand.Word(.till, "x", now + [10, 400, 5000][seed.below(3)])
  }

  /// An operator tells an instance something, or one that has ended by now.
  func tellErrand(_ verb: Errand.Verb, _ key: String) {
    guard let hash = machine.opened?.hash,
      let reader = oracle.readers.first(where: { $0.behaviour.errand != nil })?.number
    else { return }
    let index = ledger.errandVerbs.count
    let batch = EntryBatch(hash: hash)
    key.withBytes {
      ProcessVerb.add(
        verb.asked, to: KeyBytes(key), process: Errand.name, reader: reader, subject: $0, by: "verb-\(index)", in: batch
      )
    }
    ledger.errandVerbs[batch.entry(0).data.text] = key
    machine.put(.append(AppendJob(batch: batch, expecting: nil, stream: nil) { _ in }))
    note("verb \(index): \(verb) \(key)")
  }

  func tellSomeErrand() {
    let live = oracle.errands.live.keys.compactMap(\.name).sorted()
    let key = live.isEmpty || seed.oneIn(6) ? "e\(seed.below(8))" : live[seed.below(live.count)]
    tellErrand(Errand.Verb.allCases[seed.below(3)], key)
  }

  /// At the end: operators end what waits for ever.
  func endErrands() throws {
    for (index, key) in oracle.errands.live.keys.compactMap(\.name).sorted().enumerated() {
      tellErrand(index % 3 == 2 ? .end : .cancel, key)
    }
    try quiesce()
    try expect(
      oracle.errands.live.isEmpty, .ends,
      "instances go on that were to end: \(oracle.errands.live.keys.sorted { "\($0)" < "\($1)" })")
  }
}
