import Events
import Scripts

/// How a process hears the types of events, by all the scripts that its instances run on: a cache over their patterns, by
/// the hash of the type. Only of processes whose `hears` has entries with names.
struct ListeningTable: Sendable {
  struct Way {
    /// It may begin an instance.
    var starts = false
    /// It is for the instance of its key.
    var isKeyed = false
    /// It is for those that listen to its subject.
    var isNamed = false
  }

  /// Beyond this many types the cache starts anew, so that invented types cannot fill the memory.
  private static let mostTypes = 4096

  private let processes: [ProcessDeclaration]
  private var ways: [UInt64: Way] = [:]

  /// Nil when nothing is heard by a name.
  init?(_ declaration: ConsumerDeclaration, older: [ConsumerDeclaration]) {
    processes = ([declaration] + older).compactMap(\.process)
    if processes.allSatisfy(\.named.isEmpty) { return nil }
  }

  mutating func way(ofType hash: UInt64, _ type: UnsafeRawBufferPointer) -> Way {
    if let known = ways[hash] { return known }
    if ways.count >= Self.mostTypes { ways = [:] }
    let found = way(of: type)
    ways[hash] = found
    return found
  }

  func way(of type: UnsafeRawBufferPointer) -> Way {
    var way = Way()
    for process in processes {
      let starts = process.starts.contains { $0.matches(type) }
      let isNamed = process.named(forType: type) != nil
      way.starts = way.starts || starts
      way.isNamed = way.isNamed || isNamed
      way.isKeyed =
        way.isKeyed || starts || process.aborts.contains { $0.matches(type) }
        || !isNamed && process.hears.contains { $0.matches(type) }
    }
    return way
  }
}

/// Whom an event of a batch is for that some instances hear by its subject.
struct HeardByName {
  /// The instance of its key, too.
  var isKeyed: Bool
  /// The instance that it is addressed to.
  var address: (key: Unit.Key, hash: UInt64)?
  /// Those that listen to its subject: the hashes of their keys, and the commits of their records.
  var listeners: [(keyHash: UInt64, commit: UInt64)]
}
