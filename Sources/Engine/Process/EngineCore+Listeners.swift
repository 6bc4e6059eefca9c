import Events
import LogStorage
import Scripts

/// Events that instances of a process hear by a name, `hears = { CardUpdated = "data.customer" }`: whom they are for is known
/// by the control state, not by the event.
///
/// So the control state must know of every instance that began before such an event: a batch ends before it when something
/// in the batch may begin one, or move one to other scripts. An instance that begins late, since its start had to wait, looks
/// in the log for what it has missed (`ShardRunner.findMissed`).
extension EngineCore {
  enum Hearing {
    /// By its key alone, or it has become one whose keys a worker finds.
    case unit
    case nobody
    /// In a later batch.
    case later
  }

  /// The instances that one event calls at once; the others are queued, and called in batches of their own.
  static let mostCalledAtOnce = 256
  /// A batch takes no other event that is heard by a name once those that it has are for so many: thousands of events
  /// may come about a subject to which a hundred thousand listen.
  static let mostListeners = 1024

  /// Looks for whom a new unit is. Its key is known, or for a worker to compute.
  func hear(_ unit: inout Unit, _ entry: EntryView, _ place: EntryPlace, in batch: Batch, _ index: Int) -> Hearing {
    let way = runtimes[index].listening!.way(ofType: place.typeHash, entry.type)
    if !way.isNamed {
      batch.mayBegin = batch.mayBegin || way.starts || batch.mayMove
      return .unit
    }
    var address: (key: Unit.Key, hash: UInt64)?
    if case .stored = unit.key { address = (unit.key, unit.keyHash) }
    if batch.mayBegin || !batch.retriedKeys.isEmpty || batch.listenerCount >= Self.mostListeners { return .later }
    let reader = control.readers[index]
    let keys = reader.open.listeners.keys(of: place.subjectHash)
    guard !keys.isEmpty || way.isKeyed || address != nil else { return .nobody }
    batch.mayBegin = way.starts || batch.mayMove
    batch.listenerCount += keys.count
    batch.heardByName[unit.position] = HeardByName(
      isKeyed: way.isKeyed, address: address,
      listeners: keys.compactMap { key in reader.states[key].map { (key, $0) } })
    unit.key = .unknown
    return .unit
  }

  /// A unit waited for its keys: whom it is for is found out anew.
  func noteUnkeyed(in batch: Batch, _ index: Int) {
    guard batch.picture == nil, let table = runtimes[index].listening else { return }
    batch.picture = (control.readers[index], table)
  }

  /// Whether instances of a reader run on other scripts than the newest.
  func hasOlderInstances(_ index: Int) -> Bool {
    control.readers[index].open.byGeneration.contains { $0.key != control.generation }
  }
}
