import Foundation
import Testing

@testable import Scripts

/// Every Lua block of the documents runs, and does what the comments below it say.
@Suite struct DocumentTests {
  static let examples =
    Example.all(in: document("docs/handlers.md"), named: "docs/handlers.md")
    + Example.all(in: document("docs/dual-write.md"), named: "docs/dual-write.md")
    + Example.all(in: document("handlers/README.md"), named: "handlers/README.md")

  /// Modules that the samples' README uses.
  private static let samples = FolderReader(folder: repository.appendingPathComponent("handlers").path).read()

  @Test func `there are examples of every word`() {
    let sources = Self.examples.flatMap { $0.files.map(\.1) }.joined(separator: "\n")
    for word in Words.all where !sources.contains(word.name) { Issue.record("\(word.name) has no example") }
    #expect(Self.examples.count >= 15)
  }

  @Test func `every word, key and field is described`() {
    let text = document("docs/handlers.md")
    let names =
      Words.all.map(\.name)
      + [
        Words.consumer, Words.retry, Words.emitOptions, Words.event, Words.projection, Words.aggregate, Words.rule,
        Words.sendOptions, Words.timerOptions, Words.destination, Words.publishOptions, Words.request,
        Words.requestOptions, Words.source, Words.process, Words.awaitOptions,
        Words.verify, Words.incomingRequest, Words.sourceEvent, Words.schedule,
        Words.timeParts, Words.timeAddOptions,
      ].flatMap { $0.keys.map(\.name) }
    for name in names where !text.contains(name) { Issue.record("\(name) is not in docs/handlers.md") }
  }

  @Test(arguments: examples)
  func `an example does what it says`(example: Example) throws {
    let modules = example.place.hasPrefix("handlers/") ? Self.samples.files.filter(\.isModule) : []
    let files = example.files.map { SourceFile(path: $0.0, text: $0.1) } + modules
    switch Generation.load(files) {
    case .failure(let failure):
      #expect(failure.errors.map(\.description) == example.errors, "\(example.place)")
    case .success(let generation):
      #expect(example.errors == [], "\(example.place) loads")
      #expect(generation.warnings == example.warnings, "\(example.place)")
      if generation.consumers.contains(where: { $0.process != nil }) { return try lead(example, generation) }
      let stage = try Stage(generation)
      let documents = try DocumentStage(generation)
      for (number, step) in example.steps.enumerated() {
        let event = TestEvent(step.event.type, step.event.subject, data: step.event.data)
        let failures = documents.fold(event, at: UInt64(number + 1))
        documents.states = stage
        stage.worker.past = documents
        check(step, stage, failures, example.place)
        for (view, key, json) in step.documents {
          let document = documents.documents[view]?[key]
          #expect(
            json == nil ? document == nil : Example.same("T s \(json!)", "T s \(document ?? "null")"),
            "\(example.place): \(document ?? "none")")
        }
      }
    }
  }

  /// Leads an instance of the example's process.
  private func lead(_ example: Example, _ generation: Generation) throws {
    let stage = try ProcessStage(generation)
    for step in example.steps {
      let turn = stage.give(given(step, stage))
      var reaction = Reaction(logs: turn.logs.map { "info \($0)" }, failures: [turn.failure].compactMap { $0 })
      for effect in turn.effects {
        if let text = effect.after("emits ") { reaction.emits.append(text) }
        if let text = effect.after("sends ") { reaction.sends.append(text) }
        if let text = effect.after("publishes ") { reaction.publishes.append(text) }
      }
      compare(step, reaction, "\(example.place): \(step.event.type)")
      if let ends = step.ends { #expect(stage.ending == ends, "\(example.place)") }
    }
    let turns = stage.turns
    #expect(try stage.replay() == turns, "\(example.place): the history, repeated")
  }

  private func given(_ step: Example.Step, _ stage: ProcessStage) -> ProcessStage.Given {
    let event = TestEvent(step.event.type, step.event.subject, data: step.event.data)
    switch step.given {
    case nil: return stage.steps.isEmpty ? .start(event) : .event(event)
    case ("accepted", let text)?:
      let parts = text.split(separator: " ", maxSplits: 2).map(String.init)
      return .accepted(parts.count == 3 ? [TestEvent(parts[0], parts[1], data: parts[2])] : [])
    case ("rejected", let reason)?: return .rejected(reason)
    case ("answered", let json)?: return .answered(TestEvent("moondance.answered", data: json))
    case ("aborted", let reason)?: return .abort(reason)
    case _?: return .timeout
    }
  }

  private func check(_ step: Example.Step, _ stage: Stage, _ folding: [String], _ place: String) {
    let reaction =
      step.isRequest
      ? stage.receive(step.event.type, step.event.data)
      : step.isCommand
        ? stage.decide(step.event.type, step.event.subject, step.event.data)
        : stage.handle(TestEvent(step.event.type, step.event.subject, data: step.event.data))
    var all = reaction
    all.failures += folding
    if let keys = step.keys { #expect(reaction.keys == keys, "\(place): \(step.event.type)") }
    compare(step, all, place)
  }

  private func compare(_ step: Example.Step, _ reaction: Reaction, _ place: String) {
    let what: Comment = "\(place): \(step.event.type)"
    #expect(reaction.logs == step.logs, what)
    #expect(reaction.failures == step.fails, what)
    #expect(reaction.rejections == step.rejects, what)
    #expect(reaction.sends.count == step.sends.count, what)
    for (expected, actual) in zip(step.sends, reaction.sends) {
      #expect(Example.same(expected, actual), "\(place): \(actual) instead of \(expected)")
    }
    #expect(reaction.publishes.count == step.publishes.count, what)
    for (expected, actual) in zip(step.publishes, reaction.publishes) {
      #expect(Example.same(expected, actual), "\(place): \(actual) instead of \(expected)")
    }
    #expect(reaction.cancels == step.cancels, what)
    #expect(reaction.sets.count == step.sets.count, what)
    for (expected, actual) in zip(step.sets, reaction.sets) {
      let parts = expected.split(separator: " ", maxSplits: 1).map(String.init)
      #expect(Span.microseconds(parts[0]) == actual.wait, what)
      #expect(Example.same(parts[1], actual.event), "\(place): \(actual.event) instead of \(parts[1])")
    }
    #expect(reaction.emits.count == step.emits.count, what)
    for (expected, actual) in zip(step.emits, reaction.emits) {
      #expect(Example.same(expected, actual), "\(place): \(actual) instead of \(expected)")
    }
  }

  @Test func `the table of first mistakes is the one that is tested`() {
    let text = document("docs/handlers.md")
    let begin = "<!-- first mistakes: begin -->\n"
    guard let from = text.range(of: begin), let to = text.range(of: "<!-- first mistakes: end -->") else {
      Issue.record("docs/handlers.md has no place for the table")
      return
    }
    let table =
      "| tried | says, and below it what to write |\n|---|---|\n"
      + FirstMistake.all.map { $0.row + "\n" }.joined()
    compare(text.replacingCharacters(in: from.upperBound..<to.lowerBound, with: table), with: "docs/handlers.md")
  }

  @Test func `the editor annotations are those of the word table`() {
    compare(EditorAnnotations.text, with: "docs/editor/moondance.lua")
  }

  /// What a document should be, and is. `MOONDANCE_UPDATE_DOCS=1` writes it.
  private func compare(_ expected: String, with path: String) {
    if ProcessInfo.processInfo.environment["MOONDANCE_UPDATE_DOCS"] == "1" {
      try? expected.write(to: repository.appendingPathComponent(path), atomically: true, encoding: .utf8)
    }
    #expect(document(path) == expected, "\(path) differs: MOONDANCE_UPDATE_DOCS=1 swift test --filter DocumentTests")
  }
}
