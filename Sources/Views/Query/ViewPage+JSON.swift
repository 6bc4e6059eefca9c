internal import Events

extension ViewPage {
  /// `{"view":{"name","position"},"documents":[{"key","position","document"}],"next"}`; documents stand as they were
  /// written.
  /// - found: how a past moment was found.
  package func json(view name: String, found: String? = nil) -> [UInt8] {
    var writer = ByteWriter(capacity: 256 + documents.reduce(0) { $0 + $1.document.count + 128 })
    writer.append("{\"view\":" as StaticString)
    writer.appendView(name, position)
    writer.append(",\"documents\":[" as StaticString)
    var isFirst = true
    for document in documents {
      if !isFirst { writer.append(UInt8(ascii: ",")) }
      isFirst = false
      writer.append("{" as StaticString)
      document.writeMembers(into: &writer)
      writer.append("}" as StaticString)
    }
    writer.append("]" as StaticString)
    if let next {
      writer.append(",\"next\":" as StaticString)
      writer.appendJSON(string: next)
    }
    writer.appendFound(found)
    writer.append("}" as StaticString)
    return Array(writer.bytes)
  }

  /// The first document alone: `{"key","position","document","view":{"name","position"}}`.
  package func documentJSON(view name: String, found: String? = nil) -> [UInt8] {
    var writer = ByteWriter(capacity: 256 + (documents.first?.document.count ?? 0))
    writer.append("{" as StaticString)
    documents.first?.writeMembers(into: &writer)
    writer.append(",\"view\":" as StaticString)
    writer.appendView(name, position)
    writer.appendFound(found)
    writer.append("}" as StaticString)
    return Array(writer.bytes)
  }
}

extension ViewDocument {
  fileprivate func writeMembers(into writer: inout ByteWriter) {
    writer.append("\"key\":" as StaticString)
    writer.appendJSON(string: key)
    writer.append(",\"position\":\(position),\"document\":")
    writer.append(document)
    guard let frozen else { return }
    writer.append(",\"frozen\":{\"position\":\(frozen.position),\"error\":")
    writer.appendJSON(string: frozen.error)
    writer.append(",\"traceback\":" as StaticString)
    writer.appendJSON(string: frozen.traceback)
    writer.append(",\"since\":\"" as StaticString)
    Timestamp.write(frozen.since, into: &writer)
    writer.append("\",\"waiting\":\(frozen.waiting)}")
  }
}

extension ByteWriter {
  fileprivate mutating func appendView(_ name: String, _ position: UInt64) {
    append("{\"name\":" as StaticString)
    appendJSON(string: name)
    append(",\"position\":\(position)}")
  }

  fileprivate mutating func appendFound(_ found: String?) {
    guard let found else { return }
    append(",\"found\":" as StaticString)
    appendJSON(string: found)
  }
}
