/// What is probably wrong although it loads.
extension Loader {
  func warnings(of loaded: LoadedScripts, _ types: TypeWarnings) -> [String] {
    var warnings: [String] = []
    for file in files {
      guard let texts = texts[file.path] else { continue }
      for key in texts.outline.repeatedKeys {
        warnings.append(
          "\(file.path):\(key.last): \"\(key.key)\" stands here and in line \(key.first): Lua keeps the last")
      }
      warnings += fieldWarnings(file, texts.facts, loaded)
    }
    return warnings + types.all + destinationWarnings(loaded)
  }

  /// Which event types who hears and makes.
  func typeWarnings(of loaded: LoadedScripts, knownTypes: Set<String>) -> TypeWarnings {
    func heard(
      by name: String, _ handlers: [HandlerDeclaration], in table: String, _ file: String, _ line: Int
    ) -> [TypeWarnings.Heard] {
      handlers.map { handler in
        let entry = texts[file]?.outline.line(of: [table, handler.pattern.description], in: name, near: line)
        return TypeWarnings.Heard(
          consumer: name, pattern: handler.pattern, file: file, line: entry ?? handler.line)
      }
    }
    let heard =
      loaded.consumers.map(\.declaration).filter { $0.destination == nil }.flatMap { consumer in
        if let process = consumer.process { return self.heard(by: process, of: consumer) }
        let table = consumer.rule == nil ? "on" : "when"
        return consumer.aggregate.map { heard(by: consumer.name, $0.folds, in: "events", consumer.file, consumer.line) }
          ?? heard(by: consumer.name, consumer.handlers, in: table, consumer.file, consumer.line)
      }
      + loaded.projections.map(\.declaration).flatMap { heard(by: $0.name, $0.handlers, in: "on", $0.file, $0.line) }
    let made =
      loaded.emits.sorted { $0.key < $1.key }.flatMap { file, emits in
        emits.map { TypeWarnings.Made(type: $0.type, file: file, line: $0.line) }
      }
      + loaded.schedules.filter { !$0.effect.isCommand }.map {
        TypeWarnings.Made(type: $0.effect.type, file: $0.file, line: line(of: "emit", $0))
      }
    return TypeWarnings(heard: heard, made: made, known: knownTypes)
  }

  private func heard(by process: ProcessDeclaration, of consumer: ConsumerDeclaration) -> [TypeWarnings.Heard] {
    [("starts", process.starts), ("aborts", process.aborts), ("hears", process.hears)].flatMap { key, patterns in
      let line = texts[consumer.file]?.outline.line(of: [key], in: consumer.name, near: consumer.line)
      return patterns.map {
        TypeWarnings.Heard(consumer: consumer.name, pattern: $0, file: consumer.file, line: line ?? consumer.line)
      }
    }
  }

  /// Messages for nobody, and destinations that get none.
  private func destinationWarnings(_ loaded: LoadedScripts) -> [String] {
    let declared = loaded.consumers.map(\.declaration).filter { $0.destination != nil }
    let messages = loaded.messages.sorted { $0.key < $1.key }.flatMap { file, messages in
      messages.map { (file: file, name: $0.type, line: $0.line) }
    }
    var warnings: [String] = []
    for message in messages where !declared.contains(where: { $0.name == message.name }) {
      let near = NearestName.of(message.name, among: declared.map(\.name)).map { ": did you mean \"\($0)\"?" } ?? ""
      warnings.append("\(message.file):\(message.line): there is no destination \"\(message.name)\"\(near)")
    }
    for destination in declared where !messages.contains(where: { $0.name == destination.name }) {
      warnings.append(
        "\(destination.file):\(destination.line): nobody publishes to destination \"\(destination.name)\"")
    }
    return warnings
  }

  /// `event.price` in a handler, where `event.data.price` was probably meant.
  private func fieldWarnings(_ file: SourceFile, _ facts: SourceFacts, _ loaded: LoadedScripts) -> [String] {
    let handlers = Set(
      loaded.consumers.filter {
        $0.declaration.file == file.path && $0.declaration.hearsEvents && $0.declaration.rule == nil
      }.flatMap {
        $0.declaration.handlers.map(\.line)
      })
    let folds = Set(
      loaded.projections.filter { $0.declaration.file == file.path }.flatMap { $0.declaration.handlers.map(\.line) })
    let fields = Words.event.keys.map(\.name)
    return facts.parameterFields.compactMap { access in
      if folds.contains(access.functionLine), !handlers.contains(access.functionLine) {
        guard ["event", "e", "ev"].contains(access.parameter), fields.contains(access.field) else { return nil }
        return "\(file.path):\(access.line): \(access.parameter).\(access.field) looks at the document, which comes "
          + "first in a projection: function(document, \(access.parameter))"
      }
      guard handlers.contains(access.functionLine), !fields.contains(access.field) else { return nil }
      let meant = NearestName.of(access.field, among: fields).map { "\(access.parameter).\($0)" }
      return "\(file.path):\(access.line): an event has no field \"\(access.field)\": did you mean "
        + "\(meant ?? "\(access.parameter).data.\(access.field)")?"
    }
  }
}
