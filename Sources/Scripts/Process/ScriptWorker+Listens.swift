package import Events
internal import LuaRuntime

/// What the instances of a process listen to besides their key.
package enum ListensOutcome: Sendable {
  /// For each entry of the declaration's `named`: the subjects that the event has there, none when it has nothing.
  case subjects([[[UInt8]]])
  case failed(HandlerFailure)
  case hostFault(String)
}

extension ScriptWorker {
  /// Follows the paths of a process into an event that starts an instance: `hears = { CardUpdated = "data.customer" }`.
  package func listens(consumer: Int, event: EntryView, position: Position, recorded: Int64) -> ListensOutcome {
    let declaration = consumers[consumer].declaration
    var subjects: [[[UInt8]]] = []
    for (index, named) in (declaration.process?.named ?? []).enumerated() {
      guard let follow = consumers[consumer].listens[index] else {
        subjects.append(event.subject.isEmpty ? [] : [Array(event.subject)])
        continue
      }
      let blame = "\(declaration.file):\(declaration.line): \(named.pattern) in hears of \"\(declaration.name)\""
      switch keys(by: follow, blame: blame, event, position, recorded) {
      case .keys(let keys): subjects.append(keys.map { Array($0) }.filter { !$0.isEmpty })
      case .failed(let failure): return .failed(failure)
      case .hostFault(let message): return .hostFault(message)
      }
    }
    return .subjects(subjects)
  }
}
