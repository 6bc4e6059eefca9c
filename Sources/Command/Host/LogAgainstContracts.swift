import Events
import Foundation
import LogStorage
import Platform
import Scripts

/// Looks through a data folder for events that the contracts of a generation would refuse, read as handlers would read
/// them: older ones after their upcasts.
struct LogAgainstContracts {
  struct Refused: Encodable, Equatable {
    var type: String
    var events: Int
    var refused: Int
    /// The first that is refused, and why.
    var position: UInt64
    var problem: String
    var contract: String
  }

  let scripts: Generation
  let data: String

  /// One entry for each contract that refuses something. Blocks on the disk.
  func find(_ progress: (_ done: Int, _ of: Int) -> Void) throws -> [Refused] {
    let log = try LogStore.openReadOnly(folder: data, fileSystem: LocalFileSystem(), allowingUse: true)
    let identity = log.identity
    let worker = try scripts.makeWorker(
      hash: identity.hash, logName: identity.name, logID: (identity.id.high, identity.id.low))
    var found: [Refused] = []
    let contracts = scripts.contracts.all.filter { $0.schema != nil }
    for (index, contract) in contracts.enumerated() {
      progress(index, contracts.count)
      var result = Refused(
        type: contract.type, events: 0, refused: 0, position: 0, problem: "",
        contract: "\(contract.file):\(contract.line)")
      try Array(contract.type.utf8).withUnsafeBytes { type in
        try log.reader.entries(ofType: type, through: log.reader.lastPosition) { position, entry, commit in
          guard entry.rawKind == RecordKind.event.rawValue else { return true }
          result.events += 1
          if let problem = worker.problem(withDataOf: entry, position: position, recorded: commit.time) {
            if result.refused == 0 { (result.position, result.problem) = (position.rawValue, problem) }
            result.refused += 1
          }
          return true
        }
      }
      if result.refused > 0 { found.append(result) }
    }
    return found
  }
}

extension LogAgainstContracts.Refused: CustomStringConvertible {
  var description: String {
    "\(contract): contract \"\(type)\" refuses \(refused) of \(events) events in the log, the first at \(position): \(problem)"
  }
}
