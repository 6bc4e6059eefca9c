import Events
import HeapModule

/// A question which instances there are, on its way through some turns.
///
/// `@unchecked Sendable`: handed over by its maker; the engine thread alone touches it afterwards.
package final class ProcessSearch: @unchecked Sendable {
  let query: ProcessQuery
  let answer: @Sendable (ProcessPlaces?) -> Void
  /// Everything up to here was looked at.
  var after: ProcessReport.Place?
  var found: [ProcessReport.Place] = []

  /// - answer: gets the instances of a page and one behind it, as of one durable commit; nil when the query names a process
  ///   that there is not.
  package init(_ query: ProcessQuery, answer: @escaping @Sendable (ProcessPlaces?) -> Void) {
    (self.query, self.answer) = (query, answer)
    after = query.after
  }
}

/// Answers that wait until what they tell of is durable.
struct ProcessAnswers {
  var searches: [ProcessSearch] = []
  var waiting: [(commit: UInt64, give: () -> Void)] = []

  var isEmpty: Bool { searches.isEmpty && waiting.isEmpty }
}

/// Finding instances for those who ask from outside. A turn looks at so many of them for all the questions together, so
/// that nobody waits for a list.
extension EngineCore {
  func take(_ search: ProcessSearch) { processAnswers.searches.append(search) }

  func goOnSearching() {
    var left = settings.instancesPerTurn
    while let search = processAnswers.searches.first {
      guard goOn(with: search, &left) else {
        wantsTurn = true
        return
      }
      processAnswers.searches.removeFirst()
    }
  }

  /// False when it is to go on in the next turn.
  private func goOn(with search: ProcessSearch, _ left: inout Int) -> Bool {
    let query = search.query
    guard let readers = processes(of: query) else {
      search.answer(nil)
      return true
    }
    // What has moved since the last turn is further back in the list now.
    search.found.removeAll { place in
      let reader = control.readers[Int(place.reader) - 1]
      return reader.open[InstancePlace(keyHash: place.keyHash, place: place.place)] == nil
    }
    let orders = readers.filter { mayHave(query, $0) }.map { ($0.number, $0.open.order) }
    var walk = ProcessWalk(orders, after: search.after)
    while search.found.count <= query.limit, let (place, generation) = walk.next {
      guard left > 0 else { return false }
      left -= 1
      walk.advance()
      search.after = place
      if generation > 0, query.generation ?? generation == generation, mayBe(query.state, place) {
        search.found.append(place)
      }
    }
    let places = ProcessPlaces(
      instances: search.found.map { processPlace($0) }, isLast: walk.next == nil,
      processes: readers.map { ProcessCount($0) })
    whenDurable { search.answer(places) }
    return true
  }

  private func processes(of query: ProcessQuery) -> [ReaderState]? {
    guard let name = query.process else { return control.processes }
    return control.reader(named: name, kind: .process).map { [$0] }
  }

  /// False when none of the reader's instances can be meant.
  private func mayHave(_ query: ProcessQuery, _ reader: ReaderState) -> Bool {
    if let generation = query.generation, reader.open.byGeneration[generation] == nil { return false }
    switch query.state {
    case nil, .waiting: return true
    case .stuck: return reader.blocked.deadCount > 0
    case .retrying: return reader.blocked.count > reader.blocked.deadCount
    }
  }

  /// Whether an instance may be in that state: its key is in its record.
  private func mayBe(_ state: ProcessReport.State?, _ place: ProcessReport.Place) -> Bool {
    guard let state, state != .waiting else { return true }
    return troubles(of: place.keyHash, Int(place.reader) - 1).contains { $0.state == state }
  }

  private func processPlace(_ place: ProcessReport.Place) -> ProcessPlace {
    let index = Int(place.reader) - 1
    var found = ProcessPlace(process: control.readers[index].name, place: place)
    found.troubles = troubles(of: place.keyHash, index)
    return found
  }

  private func troubles(of keyHash: UInt64, _ index: Int) -> [KeyTrouble] {
    guard !runtimes[index].blockedHashes.isEmpty else { return [] }
    return runtimes[index].blockedHashes.keys(of: keyHash).compactMap { key in
      control.readers[index].blocked[key].map { KeyTrouble(key, $0) }
    }
  }

  // MARK: one key

  /// Answers where to look for the running instance of a key, as people write keys; nil: there is no such process.
  func find(_ text: String, of name: String, _ answer: @escaping @Sendable ([ProcessKey]?) -> Void) {
    guard let reader = control.reader(named: name, kind: .process) else { return answer(nil) }
    var keys = [KeyBytes(text)]
    let written = KeyBytes(written: text)
    if written != keys[0] { keys.append(written) }
    let found = keys.compactMap { key -> ProcessKey? in
      let keyHash = key.hash(hash)
      guard let commit = reader.states[keyHash] else { return nil }
      return ProcessKey(
        process: name, key: key, keyHash: keyHash, reader: reader.number, commit: commit,
        trouble: reader.blocked[key].map { KeyTrouble(key, $0) })
    }
    whenDurable { answer(found) }
  }

  // MARK: durable

  private func whenDurable(_ give: @escaping () -> Void) {
    if control.commit <= durableCommit { return give() }
    processAnswers.waiting.append((control.commit, give))
  }

  func giveProcessAnswers() {
    let count = processAnswers.waiting.prefix { $0.commit <= durableCommit }.count
    for (_, give) in processAnswers.waiting.prefix(count) { give() }
    processAnswers.waiting.removeFirst(count)
  }
}

/// Goes through the instances of several processes in one order.
private struct ProcessWalk {
  private struct Next: Comparable {
    var place: ProcessReport.Place
    var generation: UInt32
    /// Of its reader's order, and where it is there.
    var order: Int
    var index: Int

    static func < (left: Next, right: Next) -> Bool { left.place < right.place }
    static func == (left: Next, right: Next) -> Bool { left.place == right.place }
  }

  private let readers: [(number: UInt32, order: InstanceOrder)]
  private var first = Heap<Next>()

  init(_ readers: [(number: UInt32, order: InstanceOrder)], after: ProcessReport.Place?) {
    self.readers = readers
    for (order, reader) in readers.enumerated() {
      var index = 0
      if let after {
        index = reader.order.firstIndex(notBefore: InstancePlace(keyHash: after.keyHash, place: after.place))
        if let place = next(order, index)?.place, place <= after { index += 1 }
      }
      if let next = next(order, index) { first.insert(next) }
    }
  }

  /// A gap has the generation 0.
  var next: (place: ProcessReport.Place, generation: UInt32)? { first.min.map { ($0.place, $0.generation) } }

  mutating func advance() {
    guard let passed = first.popMin(), let next = next(passed.order, passed.index + 1) else { return }
    first.insert(next)
  }

  private func next(_ order: Int, _ index: Int) -> Next? {
    let (number, elements) = (readers[order].number, readers[order].order.elements)
    guard index < elements.count else { return nil }
    let element = elements[index]
    return Next(
      place: ProcessReport.Place(place: element.place, keyHash: element.keyHash, reader: number),
      generation: element.generation, order: order, index: index)
  }
}
