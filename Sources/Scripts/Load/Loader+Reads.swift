/// What can be read, and what is.
extension Loader {
  /// Names of what can be read are each there once, and what consumers read is there. What is there but has errors is not
  /// told twice.
  mutating func checkReads(_ loaded: LoadedScripts) {
    checkReadableNames(loaded)
    let names = loaded.readable.map(\.name)
    let broken = refusedReadables
    for consumer in loaded.consumers.map(\.declaration) {
      for name in consumer.reads where !(names + broken).contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
        let near = NearestName.of(name, among: names).map { "did you mean \"\($0)\"?" }
        let line = texts[consumer.file]?.outline.line(of: ["reads"], in: consumer.name, near: consumer.line)
        report(
          LoadError(
            file: consumer.file, line: line ?? consumer.line,
            what: "\(consumer.word) \"\(consumer.name)\" reads \"\(name)\", "
              + "and there is no projection or aggregate of this name",
            hint: near ?? "write projection \"\(name)\" { on = { … } }"))
      }
    }
  }

  /// A projection and an aggregate of one name would both be `read("account", …)` and `moondance view account`.
  private mutating func checkReadableNames(_ loaded: LoadedScripts) {
    for aggregate in loaded.consumers.map(\.declaration) where aggregate.aggregate != nil {
      let projection = loaded.projections.map(\.declaration).first { $0.name.utf8.elementsEqual(aggregate.name.utf8) }
      guard let projection else { continue }
      report(
        LoadError(
          file: aggregate.file, line: aggregate.line,
          what: "there is a projection \"\(projection.name)\" too: \(projection.file):\(projection.line)",
          hint: "what can be read and viewed has a name of its own"))
    }
  }
}
