package import Events
internal import LuaRuntime

/// What an event's data are as the newest version of its contract.
package enum NewestData: Sendable, Equatable {
  /// As they stand in the log.
  case same
  /// JSON.
  case upcast([UInt8])
  /// An upcast has failed: why.
  case failed(String)
}

/// Events of older contract versions are read as the newest one.
extension ScriptWorker {
  package func newestData(of event: EntryView, position: Position, recorded: Int64) -> NewestData {
    let upcast = upcast(event, position, recorded: recorded)
    switch upcast.ended {
    case .failed(let failure)?: return .failed(failure.message)
    case .hostFault(let message)?: return .failed(message)
    case .done?, nil: return upcast.isOlder ? .upcast(Array(upcastBytes.bytes)) : .same
    }
  }

  /// What an event's data are for whoever reads it now, checked against its contract: nil when they keep to it, or when
  /// there is none; else what is wrong.
  package func problem(withDataOf event: EntryView, position: Position, recorded: Int64) -> String? {
    guard let contract = interpreter.call.contracts[event.type], let schema = contract.schema else { return nil }
    let upcast = upcast(event, position, recorded: recorded)
    switch upcast.ended {
    case .failed(let failure)?: return failure.message
    case .hostFault(let message)?: return message
    case .done?, nil: break
    }
    do throws(SchemaViolation) {
      guard event.dataEncoding != .binary else { return "data is no JSON" }
      try SchemaCheck.check(upcast.isOlder ? upcastBytes.bytes : event.data, schema)
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// Whether the event is older than its contract, and then its data as the newest version's in `upcastBytes`; or how an
  /// upcast that failed ends the call.
  func upcast(_ event: EntryView, _ position: Position, recorded: Int64) -> (isOlder: Bool, ended: CallOutcome?) {
    guard !upcasting.isEmpty, event.dataEncoding != .binary, let contract = upcasting[Array(event.type)],
      contract.declaration.isOlder(event.contractVersion)
    else { return (false, nil) }
    interpreter.call.beginKeying(event, position, recorded: recorded)
    defer { interpreter.call.end() }
    upcastBytes.truncate(to: 0)
    upcastBytes.append(event.data)
    if event.data.isEmpty { upcastBytes.append("null" as StaticString) }
    for from in max(event.contractVersion, 1)..<contract.declaration.version {
      if let ended = upcast(contract, from) { return (true, ended) }
    }
    return (true, nil)
  }

  /// One step: the data in `upcastBytes` become those of the next version.
  private func upcast(_ contract: LoadedContract, _ from: UInt16) -> CallOutcome? {
    guard let function = contract.upcasts[from] else { return wrong("upcast has no [\(from)]", contract) }
    var problem: String?
    var writer = ByteWriter(capacity: upcastBytes.count + 64)
    let outcome = interpreter.state.call(function, .json(upcastBytes.bytes)) { results in
      guard !results[0].isNone else {
        problem = "upcast[\(from)] returns nothing: return the data that it has made"
        return
      }
      do throws(LuaError) {
        try results[0].encodeJSON(name: "data", into: &writer)
      } catch {
        problem = "upcast[\(from)]: \(error.message)"
      }
    }
    if case .host(let error) = outcome { return .hostFault(error.message) }
    if let failure = failure(outcome) { return .failed(failure) }
    if let problem { return wrong(problem, contract) }
    swap(&upcastBytes, &writer)
    return nil
  }

  private func wrong(_ what: String, _ contract: LoadedContract) -> CallOutcome {
    let declaration = contract.declaration
    return .failed(
      HandlerFailure(
        kind: .error, message: "\(declaration.file):\(declaration.line): contract \"\(declaration.type)\": \(what)",
        traceback: "", log: []))
  }
}
