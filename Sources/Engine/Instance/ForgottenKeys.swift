import Events
package import LogStorage

/// What a rule had heard by a `key` that it has no more: it belongs to no key of the new rule, and is forgotten.
package struct ForgottenKeys: Sendable {
  /// More are counted only.
  static let mostNamed = 10

  let rule: String
  let reader: UInt32
  /// Keys of which something was remembered: the open instances, and those that had fired or were closed.
  let count: Int
  let openCount: Int
  /// The first open instances, in the order of their records.
  let open: [InstancePlace]

  /// Nil when nothing was remembered.
  init?(of reader: ReaderState) {
    if reader.states.count == 0 { return nil }
    rule = reader.name
    self.reader = reader.number
    count = reader.states.count
    openCount = reader.open.count
    let places = reader.open.all.keys.sorted { ($0.place, $0.keyHash) < ($1.place, $1.keyHash) }
    open = Array(places.prefix(Self.mostNamed))
  }

  /// A warning that names the instances that were closed. Their records must be durable. Blocks on the disk.
  package func warning(from log: LogReader) -> String {
    let keys = count == 1 ? "1 key" : "\(count) keys"
    var text = "\(rule) has another key than before: what it has heard for \(keys) is forgotten"
    if openCount == 0 { return text }
    let named = open.map { place in
      let record = try? ProcessHistory.record(at: place.place, keyHash: place.keyHash, reader, in: log)
      return record.map { "\"\(KeyBytes($0.key))\"" } ?? "one that cannot be read"
    }
    text += ", and its open instances are closed: \(named.joined(separator: ", "))"
    return openCount > named.count ? "\(text) and \(openCount - named.count) more" : text
  }
}
