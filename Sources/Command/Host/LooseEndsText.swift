import Events
import LogStorage
import Platform
import Scripts

/// What `moondance check` says of events of which the scripts have one side only.
extension LooseEnds {
  /// Without those heard types that the log has seen: they come from outside. Blocks on the disk.
  func without(typesOf data: String) throws -> LooseEnds {
    if unmade.isEmpty { return self }
    let log = try LogStore.openReadOnly(folder: data, fileSystem: LocalFileSystem(), allowingUse: true).reader
    var left = self
    left.unmade = try unmade.filter { end in
      if end.pattern.isPrefix { return true }
      return try !log.hasEvents(ofType: end.pattern.text)
    }
    // Only a walk over the log finds a beginning.
    var prefixes = left.unmade.filter(\.pattern.isPrefix)
    var from = Position(1)
    while !prefixes.isEmpty, let chunk = try log.chunk(from: from, limitBytes: 1 << 20, through: log.lastPosition) {
      for position in chunk.firstPosition.rawValue...chunk.lastPosition.rawValue {
        let entry = chunk.entry(Position(position))
        if entry.rawKind == RecordKind.event.rawValue { prefixes.removeAll { $0.pattern.matches(entry.type.text) } }
      }
      from = chunk.lastPosition.next
    }
    let never = Set(prefixes.map(\.pattern))
    left.unmade.removeAll { $0.pattern.isPrefix && !never.contains($0.pattern) }
    return left
  }

  /// One line for each side, so that scripts whose events come and go by HTTP are not buried in warnings.
  var warnings: [String] {
    func listed(_ ends: [End]) -> String {
      ends.map { "\($0.pattern) (\($0.file):\($0.line))" }.joined(separator: ", ")
    }
    var warnings: [String] = []
    if !unheard.isEmpty { warnings.append("emitted, and heard by no script: \(listed(unheard))") }
    if !unmade.isEmpty { warnings.append("heard, and emitted by no script: \(listed(unmade))") }
    return warnings
  }
}

extension LogReader {
  fileprivate func hasEvents(ofType type: String) throws -> Bool {
    var found = false
    try Array(type.utf8).withUnsafeBytes { bytes in
      try entries(ofType: bytes, through: lastPosition) { _, entry, _ in
        found = entry.rawKind == RecordKind.event.rawValue
        return !found
      }
    }
    return found
  }
}
