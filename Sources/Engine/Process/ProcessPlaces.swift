/// What the engine knows of an instance whose record is in the log.
package struct ProcessPlace: Sendable {
  package var process: String
  package var place: ProcessReport.Place
  /// Blocked keys that may be its own: they have its hash. Nearly always none.
  package var troubles: [KeyTrouble] = []

  package init(process: String, place: ProcessReport.Place) { (self.process, self.place) = (process, place) }
}

/// What the engine knows of a key for which an instance may run.
package struct ProcessKey: Sendable {
  package var process: String
  package var key: KeyBytes
  var keyHash: UInt64
  var reader: UInt32
  /// That leads to its record.
  var commit: UInt64
  var trouble: KeyTrouble?
}

/// Why a blocked key does not go on.
package struct KeyTrouble: Sendable {
  var key: KeyBytes
  var state: ProcessReport.State
  var failure: LetterID?
  var nextTry: Int64?

  init(_ key: KeyBytes, _ blocked: BlockedKey) {
    self.key = key
    state = blocked.isDead ? .stuck : .retrying
    failure = blocked.failure
    nextTry = blocked.isDead ? nil : blocked.nextTry
  }
}

/// Instances that a query may mean, in the order of the list.
package struct ProcessPlaces: Sendable {
  package var instances: [ProcessPlace]
  /// None lies behind them.
  package var isLast: Bool
  /// Every process that was asked for, whatever its instances are like.
  package var processes: [ProcessCount]

  package init(instances: [ProcessPlace], isLast: Bool, processes: [ProcessCount]) {
    (self.instances, self.isLast, self.processes) = (instances, isLast, processes)
  }
}

/// A page of the list while it is filled: the engine says where instances are, the log what they are, until there are
/// enough of those that are meant.
package struct ProcessListing: Sendable {
  /// What is to be asked of the engine next.
  package private(set) var query: ProcessQuery
  package private(set) var page = ProcessPage()
  package private(set) var isWhole = false
  private let limit: Int

  package init(_ query: ProcessQuery) { (self.query, limit) = (query, query.limit) }

  /// - reports: what the log has of `places`.
  package mutating func add(_ reports: [ProcessReport], of places: ProcessPlaces) {
    page.processes = places.processes
    isWhole = places.isLast
    for report in reports where query.state == nil || report.state == query.state {
      guard page.instances.count < limit else {
        page.next = page.instances.last?.place
        isWhole = true
        return
      }
      page.instances.append(report)
    }
    query.after = places.instances.last?.place ?? query.after
    query.limit = limit - page.instances.count
  }
}
