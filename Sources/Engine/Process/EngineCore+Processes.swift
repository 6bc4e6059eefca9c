import DequeModule
import Events
package import LogStorage
import Scripts

/// What the engine does for processes besides handing out their units: whom an answer is for, and which older generations
/// are needed.
extension EngineCore {
  // MARK: addresses

  /// Whose unit an entry is that a process hears.
  enum Addressee {
    /// That of the key which the process gives it.
    case byKey
    case key(KeyBytes)
    /// Another reader's.
    case other
  }

  func addressee(of entry: EntryView, at position: UInt64, _ index: Int) -> Addressee {
    let address = entry.replyAddress.flatMap { $0.reader == UInt32(index + 1) ? $0 : nil }
    guard let address else { return ProcessDeclaration.isAnswer(entry.type) ? .other : .byKey }
    // What the process does not await goes by its key, whomever it answers.
    let isHeard = entry.isHostEvent || runtimes[index].heardByAddress.contains { $0.matches(entry.type) }
    guard isHeard else { return .byKey }
    return .key(address.key.map { KeyBytes($0) } ?? .own(Position(address.start)))
  }

  /// Gives a unit that is addressed to an instance that one's key. False: the entry is for another reader.
  func address(_ unit: inout Unit, _ entry: EntryView, in batch: Batch, _ index: Int) -> Bool {
    switch addressee(of: entry, at: unit.position, index) {
    case .byKey: return true
    case .other: return false
    case .key(let key):
      unit.key = key.bytes.withUnsafeBytes { batch.storeKey($0) }
      unit.keyHash = key.hash(hash)
      return true
    }
  }

  // MARK: generations

  /// The declarations of a process that its instances run on, besides the running one.
  func olderDeclarations(of reader: ReaderState) -> [ConsumerDeclaration] {
    guard reader.kind == .process else { return [] }
    return reader.open.byGeneration.keys.sorted().compactMap { number in
      guard let scripts = (number == generation?.number ? generation : pinned[number])?.scripts else { return nil }
      return scripts.consumers.first { $0.process != nil && $0.name.utf8.elementsEqual(reader.name.utf8) }
    }
  }

  /// What reaches an instance by its address: the host's answers, and what it awaits.
  static func addressed(_ declaration: ConsumerDeclaration, _ older: [ConsumerDeclaration]) -> [TypePattern] {
    guard declaration.process != nil else { return [] }
    let host = declaration.handlers.map(\.pattern).filter { $0.text.utf8.starts(with: NameRule.hostPrefix.utf8) }
    return host + (older + [declaration]).flatMap { $0.process?.hears ?? [] }
  }

  /// The patterns that a reader hears by a declaration: of a process also those that its instances on older scripts await.
  func hearing(of declaration: ConsumerDeclaration, _ reader: ReaderState?) -> [String] {
    var patterns = declaration.handlers.map(\.pattern.description)
    guard let reader, reader.kind == .process else { return patterns }
    for older in olderDeclarations(of: reader) {
      for pattern in older.handlers.map(\.pattern.description) where !patterns.contains(pattern) {
        patterns.append(pattern)
      }
    }
    return patterns
  }

  /// The running generation is about to be another one: it is kept while instances run on it, and so are older ones.
  func keepPinned() {
    if let generation { pinned[generation.number] = generation }
    dropUnpinned()
  }

  func dropUnpinned() {
    if pinned.isEmpty { return }
    pinned = pinned.filter { control.pinned[$0.key] != nil }
  }

  /// New scripts have gone live: what processes have out would begin instances on scripts that nobody keeps. It never
  /// happened, and is handed out again.
  func voidProcesses() {
    for index in runtimes.indices where control.readers[index].kind == .process {
      if let batch = runtimes[index].out {
        batch.makeVoid()
        runtimes[index].out = nil
        takeApart(batch, index)
      }
      for batch in finished where batch.reader == UInt32(index + 1) {
        runtimes[index].finished -= 1
        takeApart(batch, index)
      }
      finished.removeAll { $0.reader == UInt32(index + 1) }
    }
  }
}

/// Why a host cannot go on with the instances that the log has.
package struct PinnedError: Error, CustomStringConvertible {
  package var description: String
}

extension ControlState {
  /// Loads every generation that instances of processes run on, from the sources in the log. Wants a deep stack.
  /// - Throws: when one of them cannot run in this program, with the instances that need it.
  package func loadPinned(naming log: LogReader) throws(PinnedError) -> [RunningGeneration] {
    let numbers = Set(readers.flatMap { $0.open.byGeneration.keys }).sorted()
    var generations: [RunningGeneration] = []
    for number in numbers where number > 0 {
      let level = number == generation ? preludeLevel : pinned[number]?.preludeLevel ?? 0
      guard level == Generation.preludeLevel else {
        throw error(
          number,
          "was written for level \(level) of the prelude, and this program has level \(Generation.preludeLevel)",
          log)
      }
      guard let files = sources(of: number) else { throw error(number, "is not in the log", log) }
      switch Generation.load(files) {
      case .success(let scripts): generations.append(RunningGeneration(number: number, scripts: scripts))
      case .failure(let failure): throw error(number, "does not load:\n\(failure)", log)
      }
    }
    return generations
  }

  private func error(_ number: UInt32, _ why: String, _ log: LogReader) -> PinnedError {
    var lines: [String] = []
    for reader in readers {
      guard let count = reader.open.byGeneration[number] else { continue }
      let places = reader.open.all.filter { $0.value.generation == number }.map(\.key).sorted().prefix(5)
      let keys = places.compactMap { place in
        (try? ProcessHistory.record(at: place.place, keyHash: place.keyHash, reader.number, in: log))
          .flatMap { $0 }.map { KeyBytes($0.key).description }
      }
      lines.append("  \(reader.name): \(keys.joined(separator: ", "))\(count > keys.count ? " … (\(count))" : "")")
    }
    return PinnedError(
      description: """
        generation \(number) \(why)
        instances of processes still run on it:
        \(lines.joined(separator: "\n"))
        start the program that ran them before until they have ended, or cancel them there
        """)
  }
}
