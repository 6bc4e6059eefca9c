import Events
import Scripts

/// What is folded for one name that handlers read, by one version of its code.
struct ReadFold {
  enum Code {
    case projection(Int, ProjectionDeclaration)
    case aggregate(Int, AggregateDeclaration)
  }

  let name: String
  let code: Code
  /// What it has folded is kept under this number.
  let number: UInt32
  /// Nil: its keys are the subjects, which the log finds.
  let index: KeyIndex?

  init(_ source: ReadSource, of scripts: Generation, _ store: ReadStore) {
    switch source {
    case .projection(let projection):
      let declaration = scripts.projections[projection]
      let fold = store.fold(named: declaration.name, declaration.scriptHash)
      (name, number) = (declaration.name, fold.number)
      index = declaration.key.isDefault ? nil : fold.index
      code = .projection(projection, declaration)
    case .aggregate(let aggregate):
      guard let declaration = scripts.consumers[aggregate].aggregate else {
        preconditionFailure("what is read as an aggregate is one")
      }
      name = scripts.consumers[aggregate].name
      number = store.fold(named: name, scripts.stateHash(of: aggregate)).number
      index = nil
      code = .aggregate(aggregate, declaration)
    }
  }

  /// Nil: events of this type change nothing.
  func handler(forType type: UnsafeRawBufferPointer) -> Int? {
    switch code {
    case .projection(_, let declaration): declaration.handler(forType: type)
    case .aggregate(_, let declaration): declaration.fold(forType: type)
    }
  }

  /// What an event makes of `document`; nil: there is none yet.
  func fold(
    _ scripts: ScriptWorker, _ handler: Int, _ event: EntryView, _ position: Position, recorded: Int64,
    key: UnsafeRawBufferPointer, _ document: [UInt8]?, into writer: inout ByteWriter
  ) -> FoldOutcome {
    switch code {
    case .projection(let projection, _):
      func fold(_ bytes: UnsafeRawBufferPointer?) -> FoldOutcome {
        scripts.fold(
          projection: projection, handler: handler, event: event, position: position, recorded: recorded, key: key,
          document: bytes, into: &writer)
      }
      guard let document else { return fold(nil) }
      return document.withUnsafeBytes { fold($0) }
    case .aggregate(let aggregate, _):
      let state = document ?? scripts.initialState(of: aggregate)
      switch scripts.apply(
        aggregate: aggregate, handler, event, position: position, recorded: recorded, into: state)
      {
      case .state(let json):
        writer.append(json)
        return .document
      case .failed(let failure): return .failed(failure)
      case .hostFault(let message): return .hostFault(message)
      }
    }
  }
}
