internal import LuaRuntime

/// Sources: where events come in from by themselves.
extension Loader {
  /// Adds a source. One whose name or address another has is not added, and told.
  func readSource(
    _ declared: LoadRun.Declared, _ interpreter: Interpreter, among others: [SourceDeclaration]
  ) -> (source: LoadedSource?, errors: [LoadError]) {
    var reader = SourceReader(
      declared: declared, interpreter: interpreter, outline: texts[declared.file]?.outline)
    let source = reader.read()
    if let other = others.first(where: { $0.name.utf8.elementsEqual(declared.name.utf8) }) {
      return (nil, reader.errors + [Self.doubled(declared, other.file, other.line)])
    }
    guard let source, case .http(let place) = source.declaration.place else { return (source, reader.errors) }
    let other = others.first { if case .http(let other) = $0.place { other.path == place.path } else { false } }
    guard let other else { return (source, reader.errors) }
    let line = texts[declared.file]?.outline.line(of: ["http"], in: declared.name, near: declared.line)
    let error = LoadError(
      file: declared.file, line: line ?? declared.line,
      what: "requests to /in/\(place.path) belong to source \"\(other.name)\": \(other.file):\(other.line)",
      hint: "an address has one source: give one of them another")
    return (nil, reader.errors + [error])
  }
}
