/// What rules name that others declare, and what others should know of them.
extension Loader {
  mutating func checkRules(_ loaded: LoadedScripts) {
    guard isChecking, errors.isEmpty else { return }
    for (consumer, rule) in loaded.rules {
      switch rule.effect {
      case .send(let command)?:
        if Array(command.utf8).withUnsafeBytes({ loaded.owners[$0] }) != nil { continue }
        let near = loaded.owners.near(command).map { "did you mean \($0)?" }
        report(
          error(
            in: consumer, "send", "nobody owns \"\(command)\"",
            near
              ?? "an aggregate owns it: write aggregate \"name\" { commands = { \(command) = function(state, command) … end } }"
          ))
      case .publish(let name)?:
        guard
          let destination = loaded.consumers.first(where: { $0.declaration.name.utf8.elementsEqual(name.utf8) })?
            .declaration.destination
        else {
          let names = loaded.consumers.map(\.declaration).filter { $0.destination != nil }.map(\.name)
          let near = NearestName.of(name, among: names).map { "did you mean \"\($0)\"?" }
          report(
            error(
              in: consumer, "publish", "there is no destination \"\(name)\"",
              near ?? "write destination \"\(name)\" { http = env \"…\" } in a file"))
          continue
        }
        let hasTarget =
          rule.to != nil
          || loaded.consumers.contains {
            $0.declaration.name == consumer.name && $0.rule.target != nil
          }
        if let projection = destination.each, !hasTarget {
          report(
            error(
              in: consumer, "publish", "\"\(name)\" has a target for each document of \"\(projection)\"",
              "write to = function(heard) return … end to say which"))
        } else if destination.each == nil, hasTarget {
          report(error(in: consumer, "to", "\"\(name)\" has one target only", "leave to out"))
        }
      case .emit?, .after?, nil: break
      }
    }
  }

  private func error(in consumer: ConsumerDeclaration, _ key: String, _ what: String, _ hint: String) -> LoadError {
    LoadError(file: consumer.file, line: line(of: key, in: consumer), what: what, hint: hint)
  }

  private func line(of key: String, in consumer: ConsumerDeclaration) -> Int {
    texts[consumer.file]?.outline.line(of: [key], in: consumer.name, near: consumer.line) ?? consumer.line
  }

  /// What rules emit, send and publish counts as if their files said it in a handler.
  func addRules(to loaded: inout LoadedScripts) {
    for (consumer, rule) in loaded.rules {
      let named = [("otherwise", rule.otherwise), ("cleared", rule.cleared)]
      for (key, type) in named {
        guard let type else { continue }
        loaded.emits[consumer.file, default: []].append(SourceFacts.Emit(type: type, line: line(of: key, in: consumer)))
      }
      switch rule.effect {
      case .emit(let type)?, .after(_, let type)?:
        loaded.emits[consumer.file, default: []].append(
          SourceFacts.Emit(type: type, line: line(of: "emit", in: consumer)))
      case .send(let command)?:
        loaded.sends[consumer.file, default: []].append(
          SourceFacts.Emit(type: command, line: line(of: "send", in: consumer)))
      case .publish(let name)?:
        loaded.messages[consumer.file, default: []].append(
          SourceFacts.Emit(type: name, line: line(of: "publish", in: consumer)))
      case nil: break
      }
    }
  }
}

extension LoadedScripts {
  var rules: [(consumer: ConsumerDeclaration, rule: RuleDeclaration)] {
    consumers.compactMap { loaded in loaded.declaration.rule.map { (loaded.declaration, $0) } }
  }
}
