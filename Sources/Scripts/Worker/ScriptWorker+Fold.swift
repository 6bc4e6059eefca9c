package import Events
internal import LuaRuntime

/// What became of a document.
package enum FoldOutcome: Sendable {
  /// Its new JSON was appended to the writer.
  case document
  /// The script deleted it.
  case removed
  /// The document stays as it was.
  case failed(HandlerFailure)
  /// The host could not make the call; it is not the script's fault.
  case hostFault(String)
}

extension ScriptWorker {
  /// Folds an event into a document: decodes it, calls the projection's function, encodes what it made of it.
  ///
  /// - document: its JSON; nil: the key has none yet, and begins with what the declaration says.
  /// - writer: takes the new JSON; as it was when the outcome is another.
  package func fold(
    projection: Int, handler: Int, event: EntryView, position: Position, recorded: Int64,
    key: UnsafeRawBufferPointer, document: UnsafeRawBufferPointer?, into writer: inout ByteWriter
  ) -> FoldOutcome {
    guard let document else {
      return projections[projection].declaration.initial.withUnsafeBytes {
        fold(
          projection: projection, handler: handler, event: event, position: position, recorded: recorded, key: key,
          document: $0, into: &writer)
      }
    }
    let upcast = upcast(event, position, recorded: recorded)
    switch upcast.ended {
    case nil, .done?: break
    case .failed(let failure)?: return .failed(failure)
    case .hostFault(let message)?: return .hostFault(message)
    }
    let call = interpreter.call
    call.beginFolding(event, position, recorded: recorded)
    fields.set(event, position, recorded: recorded, key: key)
    if upcast.isOlder { fields.setData(json: upcastBytes.bytes) }
    // Lua's own generator is there in a projection too, and must not remember what was folded before.
    seed(position, key, 0)
    var result: Result<FoldOutcome, LuaError> = .success(.document)
    let outcome = interpreter.state.call(
      fold, .ref(projections[projection].handlers[handler]), .json(document), .record(fields.shape)
    ) { results in
      result = take(results[0], hasRemoved: call.hasRemoved, projection, handler, into: &writer)
    }
    call.end()
    if case .host(let error) = outcome { return .hostFault(error.message) }
    if let failure = failure(outcome) { return .failed(failure.withoutPrelude) }
    switch result {
    case .success(let outcome): return outcome
    case .failure(let error):
      let declaration = projections[projection].declaration
      let place = "\(declaration.file):\(declaration.handlers[handler].line)"
      return .failed(
        HandlerFailure(kind: .error, message: "\(place): \(error.message)", traceback: error.traceback, log: []))
    }
  }

  private func take(
    _ value: LuaSlot, hasRemoved: Bool, _ projection: Int, _ handler: Int, into writer: inout ByteWriter
  ) -> Result<FoldOutcome, LuaError> {
    if hasRemoved {
      let isRemoval = interpreter.state.with(interpreter.removal) { $0.identity == value.identity }
      return isRemoval ? .success(.removed) : .failure(LuaError(.script, "remove() must be returned: return remove()"))
    }
    guard value.kind == .table else {
      return .failure(
        LuaError(
          .script,
          "a projection's function returns nothing, a table that becomes the document, or remove(); this is "
            + BodyReader.article(value)))
    }
    do throws(LuaError) {
      try value.encodeJSON(name: "document", into: &writer)
      return .success(.document)
    } catch {
      return .failure(error)
    }
  }
}

extension HandlerFailure {
  /// Without the frames of the host's own Lua code.
  var withoutPrelude: HandlerFailure {
    let frames = traceback.split(separator: "\n").filter { !$0.hasPrefix("prelude/") }
    return HandlerFailure(kind: kind, message: message, traceback: frames.joined(separator: "\n"), log: log)
  }
}
