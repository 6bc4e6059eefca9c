/// Every command has one owner, and what is sent has one.
extension Loader {
  mutating func checkOwners(of loaded: LoadedScripts) {
    var owners: [String: CommandOwner] = [:]
    for owner in loaded.consumers.flatMap(\.commands) {
      guard let other = owners[owner.command] else {
        owners[owner.command] = owner
        continue
      }
      report(
        LoadError(
          file: owner.file, line: owner.line,
          what:
            "the command \"\(owner.command)\" belongs to aggregate \"\(other.aggregate)\": \(other.file):\(other.line)",
          hint: "a command has one owner: give one of them another name"))
    }
    // An aggregate that does not load is told of already; that nobody owns its commands goes without saying.
    guard isChecking, errors.isEmpty else { return }
    let known = loaded.owners
    for (file, facts) in sourceFacts {
      for sent in facts.sends where owners[sent.type] == nil {
        report(
          LoadError(
            file: file, line: sent.line, what: "nobody owns \"\(sent.type)\"",
            hint: known.near(sent.type).map { "did you mean \($0)?" }
              ?? "an aggregate owns it: write aggregate \"name\" { commands = { \(sent.type) = function(state, command) … end } }"
          ))
      }
    }
  }
}
