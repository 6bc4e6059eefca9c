import ArgumentParser
import Foundation
import Scripts

/// `moondance check`
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Load the scripts as the daemon would, and print what they declare.",
    discussion: """
      Prints every consumer and rule with what it hears and emits, every destination, source and schedule, every projection \
      with what it hears, and every contract. Exits with 1 and file:line of every error when the folder does not load; nothing runs and \
      no data is touched. Warns of events that are emitted and heard by no script, and heard and emitted by none: what comes \
      from outside or goes there is none of them once it has a contract. With --data it knows what has come from outside, \
      and looks for events in the log that a contract of the folder would refuse; the daemon may be running.

      EXAMPLES
        moondance check
        moondance check --data data
        moondance check shop/handlers --json
      """)

  @Argument(help: "The folder with the scripts.")
  var handlers = "handlers"

  @Option(help: ArgumentHelp("A data folder whose events are held against the contracts.", valueName: "folder"))
  var data: String?

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let folder: HandlersFolder
    do throws(HandlersFolder.Refused) {
      folder = try HandlersFolder(handlers)
    } catch {
      throw error.told(asJSON: json)
    }
    let refused = try refusedEvents(by: folder.scripts)
    var ends = folder.scripts.looseEnds
    if let data { ends = try readingLog { try ends.without(typesOf: data) } }
    for warning in folder.reading.warnings + folder.scripts.warnings + ends.warnings + refused.map(\.description) {
      write("warning: \(warning)\n", to: .standardError)
    }
    write(json ? try report(folder.scripts, refused, ends) : table(folder.scripts), to: .standardOutput)
  }

  private func refusedEvents(by scripts: Generation) throws -> [LogAgainstContracts.Refused] {
    guard let data else { return [] }
    var line = ProgressLine()
    defer { line.end() }
    return try readingLog {
      try LogAgainstContracts(scripts: scripts, data: data).find { line.show("checking the log", $0, of: $1) }
    }
  }

  private func table(_ scripts: Generation) -> String {
    var text = ""
    for consumer in scripts.consumers {
      text += "\(consumer.word) \"\(consumer.name)\"  \(consumer.file):\(consumer.line)\n"
      if let destination = consumer.destination {
        text += "  \(destination.place.summary)\n"
        continue
      }
      if let rule = consumer.rule { text += "  \(rule.summary)\n" }
      for fold in consumer.aggregate?.folds ?? [] { text += "  folds \(fold.pattern)\n" }
      for handler in consumer.handlers {
        let emitted = scripts.emitted(by: consumer, handler)
        let effect = emitted.isEmpty ? "" : "  → " + emitted.joined(separator: ", ")
        let path = consumer.process?.path(of: handler.pattern).map { " by \($0)" } ?? ""
        text += "  \(consumer.aggregate == nil ? "hears" : "decides") \(handler.pattern)\(path)\(effect)\n"
      }
      if !consumer.reads.isEmpty { text += "  reads \(consumer.reads.joined(separator: ", "))\n" }
    }
    for projection in scripts.projections {
      text += "projection \"\(projection.name)\"  \(projection.file):\(projection.line)\n"
      for handler in projection.handlers { text += "  hears \(handler.pattern)\n" }
    }
    for source in scripts.sources {
      text += "source \"\(source.name)\"  \(source.file):\(source.line)\n  \(source.summary)\n"
    }
    for schedule in scripts.schedules {
      text += "schedule \"\(schedule.name)\"  \(schedule.file):\(schedule.line)\n"
      text += "  \(schedule.recurrence)\n  \(schedule.summary)\n"
    }
    for contract in scripts.contracts.all {
      text += "contract \"\(contract.type)\", version \(contract.version)  \(contract.file):\(contract.line)\n"
    }
    func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
    let aggregates = scripts.consumers.count { $0.aggregate != nil }
    var counts = [
      counted(scripts.files.count, "file"),
      counted(scripts.consumers.count { $0.word == "consumer" }, "consumer"),
    ]
    let rules = scripts.consumers.count { $0.rule != nil }
    if rules > 0 { counts.append(counted(rules, "rule")) }
    let processes = scripts.consumers.count { $0.process != nil }
    if processes > 0 { counts.append(processes == 1 ? "1 process" : "\(processes) processes") }
    let destinations = scripts.consumers.count { $0.destination != nil }
    if aggregates > 0 { counts.append(counted(aggregates, "aggregate")) }
    if destinations > 0 { counts.append(counted(destinations, "destination")) }
    if !scripts.sources.isEmpty { counts.append(counted(scripts.sources.count, "source")) }
    if !scripts.schedules.isEmpty { counts.append(counted(scripts.schedules.count, "schedule")) }
    if !scripts.projections.isEmpty { counts.append(counted(scripts.projections.count, "projection")) }
    if !scripts.contracts.isEmpty { counts.append(counted(scripts.contracts.all.count, "contract")) }
    return text + counts.joined(separator: ", ") + ", no errors\n"
  }

  private struct Report: Encodable {
    struct Consumer: Encodable {
      struct Handler: Encodable {
        var hears: String
        /// Of a process: where its start names the subject.
        var by: String?
        var emits: [String]
        var line: Int
      }
      /// Nil: a consumer.
      var kind: String?
      var name: String
      var file: String
      var line: Int
      var on: [Handler]
      var reads: [String]
    }
    struct Destination: Encodable {
      var name: String
      var file: String
      var line: Int
      /// `http {env:WAREHOUSE_URL}`: without secrets.
      var place: String
    }
    struct Schedule: Encodable {
      var name: String
      var file: String
      var line: Int
      /// `every 15m`
      var times: String
      /// `emits DayClosed`
      var makes: String

      init(_ schedule: ScheduleDeclaration) {
        (name, file, line) = (schedule.name, schedule.file, schedule.line)
        (times, makes) = (schedule.recurrence.description, schedule.summary)
      }
    }
    struct Projection: Encodable {
      struct Handler: Encodable {
        var hears: String
        var line: Int
      }
      var name: String
      var file: String
      var line: Int
      var on: [Handler]
      var index: [String]
    }
    struct Contract: Encodable {
      var type: String
      var version: UInt16
      var file: String
      var line: Int
    }
    struct End: Encodable {
      var type: String
      var file: String
      var line: Int

      init(_ end: LooseEnds.End) { (type, file, line) = (end.pattern.description, end.file, end.line) }
    }
    var files: [String]
    var consumers: [Consumer]
    var destinations: [Destination]
    /// The same of each source.
    var sources: [Destination]
    var schedules: [Schedule]
    var projections: [Projection]
    var contracts: [Contract]
    var refused: [LogAgainstContracts.Refused]
    /// Emitted, and heard by no script.
    var unheard: [End]
    /// Heard, and emitted by no script.
    var unmade: [End]
    var warnings: [String]
  }

  private func report(
    _ scripts: Generation, _ refused: [LogAgainstContracts.Refused], _ ends: LooseEnds
  ) throws -> String {
    let consumers = scripts.consumers.filter { $0.destination == nil }.map { consumer in
      Report.Consumer(
        kind: consumer.word == "consumer" ? nil : consumer.word, name: consumer.name, file: consumer.file,
        line: consumer.line,
        on: consumer.handlers.map {
          .init(
            hears: $0.pattern.description, by: consumer.process?.path(of: $0.pattern),
            emits: scripts.emitted(by: consumer, $0), line: $0.line)
        }, reads: consumer.reads)
    }
    let destinations = scripts.consumers.compactMap { consumer in
      consumer.destination.map {
        Report.Destination(name: consumer.name, file: consumer.file, line: consumer.line, place: $0.place.summary)
      }
    }
    let projections = scripts.projections.map { projection in
      Report.Projection(
        name: projection.name, file: projection.file, line: projection.line,
        on: projection.handlers.map { .init(hears: $0.pattern.description, line: $0.line) },
        index: projection.index.map(\.description))
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let data = try encoder.encode(
      Report(
        files: scripts.files.map(\.path), consumers: consumers, destinations: destinations,
        sources: scripts.sources.map { .init(name: $0.name, file: $0.file, line: $0.line, place: $0.summary) },
        schedules: scripts.schedules.map { .init($0) }, projections: projections,
        contracts: scripts.contracts.all.map {
          .init(type: $0.type, version: $0.version, file: $0.file, line: $0.line)
        },
        refused: refused, unheard: ends.unheard.map { .init($0) }, unmade: ends.unmade.map { .init($0) },
        warnings: scripts.warnings))
    return String(decoding: data, as: UTF8.self) + "\n"
  }

  private func write(_ text: String, to handle: FileHandle) { handle.write(Data(text.utf8)) }
}
