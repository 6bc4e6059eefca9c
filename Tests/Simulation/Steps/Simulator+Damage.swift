import Engine
import Events
import LogStorage
import TestKit

/// Damage to the files of a host that has stopped. It is done to a copy, so it is undone by looking away.
extension Simulator {
  /// - control: the state that the log folds to.
  func damage(_ control: [UInt8]) throws {
    for _ in 0..<3 {
      let files = machine.files.copy()
      guard let (path, what) = try spoil(files) else { continue }
      note("damage: \(what) \(path)")
      do {
        try readAll(files, control)
      } catch let violation as Violation {
        throw Violation(violation.promise, "\(what) \(path): \(violation.what)")
      } catch {
        let name = path.split(separator: "/").last!
        try expect("\(error)".contains(name), .damageIsTold, "\(what) \(path) is refused with other words: \(error)")
      }
    }
  }

  private func spoil(_ files: MemoryFileSystem) throws -> (path: String, what: String)? {
    var paths = try ["data/log", "data/snapshots"].flatMap { folder in
      try files.list(folder).sorted().map { "\(folder)/\($0)" }
    }
    paths = paths.filter { !$0.hasSuffix(".broken") } + ["data/witness"]
    let path = paths[seed.below(paths.count)]
    guard var bytes = files.contents(path), !bytes.isEmpty else { return nil }
    let old = bytes
    let at = seed.below(bytes.count)
    let what: String
    switch seed.below(8) {
    case 0:
      what = "a sector of zeros in"
      for index in at / 512 * 512..<min(bytes.count, at / 512 * 512 + 512) { bytes[index] = 0 }
    case 1:
      what = "the end missing of"
      bytes.removeLast(bytes.count - at)
    default:
      what = "a flipped bit in"
      bytes[at] ^= 1 << UInt8(seed.below(8))
    }
    if bytes == old { return nil }
    files.put(bytes, at: path)
    return (path, what)
  }

  /// Opens the files, reads all of the log and looks some of it up. What is not refused must be as it was.
  private func readAll(_ files: MemoryFileSystem, _ known: [UInt8]) throws {
    let opened = try LogStore.open(
      folder: "data", fileSystem: files, options: machine.options, clock: machine.clock, randomness: SeededRandomness(1)
    )
    defer { try? opened.close() }
    var control = ControlState()
    if let snapshot = try opened.snapshots.newest(knownVersion: ControlState.snapshotVersion).snapshot {
      guard let state = snapshot.payload.withUnsafeBytes({ ControlState(snapshot: $0) }) else {
        throw Violation(.damageIsTold, "the snapshot of \(snapshot.point.commit) is read and makes no sense")
      }
      control = state
    }
    try control.catchUp(with: opened.reader)
    // Reading checks the bodies, so commits with the same CRCs are the same commits.
    var commits = 0
    try opened.reader.replay(fromCommit: 1) { commit in
      commits += 1
      try expect(
        commits <= oracle.commits.count && commit.chain == oracle.commits[commits - 1].chain, .damageIsTold,
        "it is read around, and commit \(commits) is another one")
      return true
    }
    try expect(
      commits == oracle.commits.count, .damageIsTold, "it is read around, and only \(commits) commits are left")
    try expect(control.encoded == known, .damageIsTold, "it is read around, and the state is another one")
    for subject in 0..<min(swarm.subjects, 3) {
      let wanted = oracle.events.filter { $0.subject == "s\(subject)" }.map(\.position)
      let found = try "s\(subject)".withBytes {
        try opened.reader.positions(ofSubject: $0, through: opened.reader.lastPosition).map(\.rawValue)
      }
      try expect(found == wanted, .damageIsTold, "events of s\(subject) are found at \(found), not \(wanted)")
    }
  }
}
