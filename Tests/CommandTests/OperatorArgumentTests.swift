import ArgumentParser
import Client
import Foundation
import Testing
import Wire

@testable import Command

struct OperatorArgumentTests {
  @Test(arguments: [
    ["dead-letters", "retry"], ["dead-letters", "retry", "x"], ["dead-letters", "retry", "1.2.3"],
    ["dead-letters", "retry", "1."], ["dead-letters", "retry", "1", "--all"],
    ["dead-letters", "discard", "1", "--consumer", "c"], ["dead-letters", "skip", "--consumer", "c"],
    ["dead-letters", "retry", "--all", "--error", ""], ["dead-letters", "--limit", "0"], ["dead-letters", "show"],
    ["dead-letters", "show", "x"], ["dead-letters", "show", "1", "2"], ["dead-letters", "dance"],
    ["consumers", "pause"], ["consumers", "pause", ""], ["consumers", "pause", "a", "b"], ["consumers", "dance"],
    ["consumers", "rewind", "a"], ["consumers", "rewind", "a", "--to", "0"],
    ["consumers", "rewind", "a", "--to", "soon"],
    ["consumers", "rewind", "a", "--to", "-1"], ["consumers", "rewind", "a", "--to", "9223372036854775808"],
    ["consumers", "rewind", "a", "--to", "2026-02-30"],
    ["consumers", "rewind", "a", "--to", "1", "--yes", "--dry-run"],
    ["outbox", "retry"], ["outbox", "retry", "warehouse"], ["outbox", "retry", "1", "--all"],
    ["outbox", "discard", "1", "--destination", "w"], ["outbox", "skip", "--destination", "w"],
    ["outbox", "retry", "--all", "--consumer", "c"], ["outbox", "--type", "T"], ["outbox", "--limit", "0"],
    ["outbox", "--error", ""], ["outbox", "show"], ["outbox", "show", "x"], ["outbox", "pause"],
    ["outbox", "pause", ""], ["outbox", "resume", "a", "b"], ["outbox", "forget"], ["outbox", "dance"],
    ["outbox", "rewind", "w", "--to", "1"],
  ])
  func `wrong usage is 64`(_ arguments: [String]) {
    let error = #expect(throws: (any Error).self) { try MoondanceCommand.parseAsRoot(arguments) }
    #expect(error.map { MoondanceCommand.exitCode(for: $0).rawValue } == 64)
  }

  @Test(arguments: [
    (["dead-letters"], "ListDeadLetters"), (["dead-letters", "--consumer", "c"], "ListDeadLetters"),
    (["dead-letters", "list", "--key", "k"], "ListDeadLetters"),
    (["dead-letters", "show", "8123.2"], "ShowDeadLetter"),
    (["dead-letters", "retry", "1", "2.1"], "RetryDeadLetters"),
    (["dead-letters", "skip", "--all"], "SkipDeadLetters"),
    (["dead-letters", "discard", "--all", "--type", "T*", "--json"], "DiscardDeadLetters"),
    (["consumers"], "ListConsumers"), (["consumers", "--json"], "ListConsumers"),
    (["consumers", "pause", "list"], "PauseConsumer"), (["consumers", "forget", "a", "--yes"], "ForgetConsumer"),
    (["consumers", "rewind", "a", "--to", "2026-01-31T12:00:00+01:00", "--dry-run"], "RewindConsumer"),
    (["outbox"], "ListOutbox"), (["outbox", "--destination", "w", "--json"], "ListOutbox"),
    (["outbox", "list", "--key", "k"], "ListOutbox"), (["outbox", "show", "8123.2"], "ShowMessage"),
    (["outbox", "retry", "1", "2.1"], "RetryMessages"), (["outbox", "skip", "--all"], "SkipMessages"),
    (["outbox", "discard", "--all", "--destination", "w", "--key", "k"], "DiscardMessages"),
    (["outbox", "pause", "list"], "PauseDestination"), (["outbox", "resume", "w"], "ResumeDestination"),
    (["outbox", "forget", "w", "--yes"], "ForgetDestination"),
  ])
  func `what is typed is what is meant`(_ arguments: [String], _ command: String) throws {
    #expect("\(type(of: try MoondanceCommand.parseAsRoot(arguments)))" == command)
  }

  private static let commands: [(any ParsableCommand.Type, String)] = [
    (DeadLettersCommand.self, "dead-letters"), (ListDeadLetters.self, "dead-letters"),
    (ShowDeadLetter.self, "dead-letters show"), (RetryDeadLetters.self, "dead-letters retry"),
    (SkipDeadLetters.self, "dead-letters skip"), (DiscardDeadLetters.self, "dead-letters discard"),
    (ConsumersCommand.self, "consumers"), (ListConsumers.self, "consumers"), (PauseConsumer.self, "consumers pause"),
    (ResumeConsumer.self, "consumers resume"), (RewindConsumer.self, "consumers rewind"),
    (ForgetConsumer.self, "consumers forget"), (OutboxCommand.self, "outbox"), (ListOutbox.self, "outbox"),
    (ShowMessage.self, "outbox show"), (RetryMessages.self, "outbox retry"), (SkipMessages.self, "outbox skip"),
    (DiscardMessages.self, "outbox discard"), (PauseDestination.self, "outbox pause"),
    (ResumeDestination.self, "outbox resume"), (ForgetDestination.self, "outbox forget"),
  ]

  @Test func `help teaches with examples that can be typed`() throws {
    for (command, words) in Self.commands {
      let text = MoondanceCommand.helpMessage(for: command, columns: 200)
      let examples = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        .filter { $0.hasPrefix("moondance ") }
      #expect(text.contains("EXAMPLES") && examples.contains { $0.hasPrefix("moondance \(words)") }, "\(words)")
      for example in examples {
        let plain = example.prefix { $0 != "|" }.replacing("'no such customer'", with: "no").replacing("'", with: "")
        #expect(throws: Never.self, "\(example)") {
          try MoondanceCommand.parseAsRoot(plain.split(separator: " ").dropFirst().map(String.init))
        }
      }
    }
  }

  /// The command that is named, found as the parser finds it.
  private static func command(_ names: [String]) -> any ParsableCommand.Type {
    names.reduce(MoondanceCommand.self) { (command: any ParsableCommand.Type, name) in
      let all = command.configuration.subcommands + command.configuration.groupedSubcommands.flatMap(\.subcommands)
      return all.first { $0.configuration.commandName == name || $0._commandName == name } ?? command
    }
  }

  // MARK: Which letters

  private func way(_ arguments: String...) throws -> LetterRun.Way {
    LetterRun(verb: .retry, choice: try RetryDeadLetters.parse(arguments).choice).request(by: "anna")
  }

  @Test func `one id goes by itself, several together`() throws {
    #expect(try way("8123.2") == .one("8123.2"))
    #expect(try way("1", "2") == .groups(["1", "2"]))
  }

  @Test func `what the daemon can choose itself is put to it whole`() throws {
    #expect(try way("--all") == .whole(ResolveRequest(all: true, by: "anna")))
    #expect(try way("--all", "--consumer", "c") == .whole(ResolveRequest(consumer: "c", by: "anna")))
    #expect(
      try way("--all", "--consumer", "c", "--key", "k") == .whole(ResolveRequest(consumer: "c", key: "k", by: "anna")))
  }

  @Test func `what it cannot is looked for`() throws {
    var selection = DeadLetterSelection()
    selection.key = "k"
    #expect(try way("--all", "--key", "k") == .found(selection))
    (selection.owner, selection.type, selection.error) = ("c", "T*", "no")
    #expect(
      try way("--all", "--consumer", "c", "--key", "k", "--type", "T*", "--error", "no") == .found(selection))
  }

  // MARK: Pages

  private func page(_ ids: [String], next: String?, total: Int = 9) -> Reply<DeadLetterList> {
    let letters = ids.map { id in
      #"""
      {"id":"\#(id)","consumer":"c","key":"k","position":1,"event":{"type":"T"},"error":"a.lua:1: no\nmore","kind":"error",
       "traceback":"","log":[],"scriptHash":null,"generation":1,"attempts":8,"failedAt":"","state":"blocking","waiting":2}
      """#
    }
    let next = next.map { "\"\($0)\"" } ?? "null"
    let json = Array(#"{"deadLetters":[\#(letters.joined(separator: ","))],"next":\#(next),"total":\#(total)}"#.utf8)
    return Reply(value: try! JSONDecoder().decode(DeadLetterList.self, from: Data(json)), json: json)
  }

  @Test func `pages are read to the end, past those that found nothing`() throws {
    let pages = [
      nil: page(["1", "2"], next: "5"), "5": page([], next: "8"), "8": page(["9"], next: nil),
    ]
    var (ids, asked, lasts): ([String], [Int?], [Bool]) = ([], [], [])
    try LetterPages.forEach(DeadLetterSelection(), limit: 2500) {
      asked.append($0.limit)
      return pages[$0.after]!
    } _: { page, isLast in
      ids += page.value.deadLetters.map(\.id)
      lasts.append(isLast)
    }
    #expect(ids == ["1", "2", "9"] && asked == [1000, 1000, 1000] && lasts == [false, false, true])
  }

  @Test func `no more letters are asked for than are wanted`() throws {
    var asked: [Int?] = []
    try LetterPages.forEach(DeadLetterSelection(), limit: 3) {
      asked.append($0.limit)
      return page(["1", "2"].prefix($0.limit!).map { $0 }, next: "2")
    } _: { _, _ in
    }
    #expect(asked == [3, 1])
  }

  // MARK: Text

  @Test func `the list is a table, and says when it goes on`() throws {
    var printer = LetterPrinter(isJSON: false, width: nil)
    func lines(_ page: Reply<DeadLetterList>, _ isLast: Bool) -> [String] {
      printer.lines(page, isLast: isLast).map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(
      lines(page(["1"], next: "1"), false) == [
        "ID  CONSUMER  KEY  POSITION  TYPE  ATTEMPTS  STATE     WAITING  ERROR",
        "1   c         k           1  T            8  blocking        2  a.lua:1: no",
      ])
    #expect(lines(page([], next: "5"), false) == [])
    #expect(
      lines(page(["8123.2"], next: "9"), true) == [
        "8123.2  c         k           1  T            8  blocking        2  a.lua:1: no"
      ])
    #expect(printer.rest(of: DeadLetterSelection()) == "the first 2 of 9; --limit shows more")
    #expect(try printer.rest(of: LetterFilter.parse(["--key", "k"]).selection) == "the first 2; --limit shows more")
  }

  @Test func `a list without letters says so`() throws {
    var printer = LetterPrinter(isJSON: false, width: nil)
    #expect(printer.lines(page([], next: nil, total: 0), isLast: true) == [])
    #expect(printer.rest(of: DeadLetterSelection()) == "there are no dead letters")
    _ = printer.lines(page([], next: nil, total: 2), isLast: true)
    #expect(
      try printer.rest(of: LetterFilter.parse(["--type", "T"]).selection)
        == "none of the 2 dead letters is of this kind")
  }

  @Test func `as JSON the pages come as they are, but for those that found nothing`() throws {
    var printer = LetterPrinter(isJSON: true, width: 10)
    let (first, empty, last) = (page(["1"], next: "1"), page([], next: "5"), page([], next: nil))
    #expect(printer.lines(first, isLast: false) == [first.json])
    #expect(printer.lines(empty, isLast: false) == [])
    #expect(printer.lines(last, isLast: true) == [last.json])
    #expect(printer.rest(of: DeadLetterSelection()) == nil)
  }

  @Test func `a letter is shown with its event and every attempt, and cannot steer the terminal`() throws {
    let json = Array(
      #"""
      {"id":"8123.2","consumer":"c","key":"k","position":7,"event":{"type":"T","subject":"k","position":7,
       "time":"2026-07-01T09:30:00Z","data":{"n": 1.50}},"failedAt":"","state":"blocking","waiting":1,"omitted":true,
       "attempts":[{"attempt":1,"time":"2026-07-01T09:30:01Z","kind":"time","error":"a.lua:1: too \u001b[2Jlong",
         "traceback":"","log":["info: begun"],"scriptHash":"0123456789abcdef","generation":3},
        {"attempt":2,"time":"2026-07-01T09:30:02Z","kind":"error","error":"a.lua:2: no",
         "traceback":"stack traceback:\n\ta.lua:2: in f","log":[],"scriptHash":null,"generation":4}]}
      """#.utf8)
    let reply = Reply(value: try JSONDecoder().decode(DeadLetterHistory.self, from: Data(json)), json: json)
    #expect(
      LetterText.text(reply) == """
        dead letter 8123.2 of c: blocking, 1 event waits behind it
        key    k
        event  7  2026-07-01T09:30:00Z  T                 k  {"n": 1.50}

        earlier attempts are too many to show

        attempt 1, 2026-07-01T09:30:01Z, time, generation 3, script 0123456789ab
          a.lua:1: too \u{FFFD}[2Jlong
          log info: begun

        attempt 2, 2026-07-01T09:30:02Z, error, generation 4
          a.lua:2: no
          stack traceback:
            a.lua:2: in f
        """)
  }

  @Test func `what became of letters is said in full`() throws {
    func text(_ receipt: ResolveReceipt, _ verb: DeadLetterVerb = .retry) throws -> String {
      LetterRun(verb: verb, choice: try RetryDeadLetters.parse(["1"]).choice).text(receipt)
    }
    #expect(try text(ResolveReceipt(resolved: 1)) == "1 dead letter retried")
    #expect(try text(ResolveReceipt(resolved: 57), .discard) == "57 dead letters discarded")
    #expect(try text(ResolveReceipt()) == "there was nothing to retry")
    #expect(
      try text(ResolveReceipt(resolved: 2, unchanged: 1, notOpen: ["8", "9.1"]), .skip)
        == "2 dead letters skipped\n1 dead letter skipped already\nnot open any more: 8, 9.1")
    #expect(try text(ResolveReceipt(left: 3)).hasPrefix("3 dead letters left: "))
    #expect(try text(ResolveReceipt(notOpen: (1...12).map(String.init))).hasSuffix("9, 10 and 2 more"))
  }

  @Test func `what forgetting gives up is said before, unless it is nothing`() {
    func consumer(_ state: String, _ queued: Int, _ letters: Int) -> StatusReport.Consumer {
      StatusReport.Consumer(
        name: "c", kind: "consumer", script: "", state: state, cursor: 40, lag: 0, blocked: queued, queued: queued,
        deadLetters: letters)
    }
    #expect(ReaderText.beforeForgetting(consumer("running", 0, 0)) == nil)
    let declared = ReaderText.beforeForgetting(consumer("paused", 12, 1))
    #expect(declared?.hasPrefix("12 events in blocked keys and 1 dead letter of c will be dropped") == true)
    #expect(declared?.contains("keeps its place in the log, 40") == true)
    let removed = ReaderText.beforeForgetting(consumer("removed", 0, 0))
    #expect(removed?.contains("No script declares c") == true && removed?.contains("begin as a new one") == true)
  }

  @Test func `what a rewind repeats is said before`() {
    let text = ReaderText.beforeRewinding(
      RewindReport(consumer: "c", from: 813, cursor: 5000, events: 1203, effects: 1))
    #expect(
      text.hasPrefix("c will go back from 5000 to 813 and handle 1203 events again. It made 1 event of them before"))
    #expect(
      ReaderText.rewound(
        ConsumerReceipt(
          consumer: "c", state: "running", cursor: 812, changed: true, droppedEvents: 1, droppedDeadLetters: 2))
        == "c hears again from 813 on; dropped: 1 event in blocked keys, 2 dead letters")
  }

  private static let answers: [(Bool, Bool, String?, Consent.Answer)] = [
    (true, false, "n", Consent.Answer.yes), (true, true, nil, .yes), (false, false, "y", .nobody),
    (false, true, "y", .yes), (false, true, " YES ", .yes), (false, true, "", .no), (false, true, "n", .no),
    (false, true, "yep", .no), (false, true, nil, .no),
  ]

  @Test(arguments: answers)
  func `only a yes is a yes`(isGiven: Bool, isTerminal: Bool, typed: String?, answer: Consent.Answer) {
    #expect(Consent.answer(isGiven: isGiven, isTerminal: isTerminal) { typed } == answer)
  }
}
