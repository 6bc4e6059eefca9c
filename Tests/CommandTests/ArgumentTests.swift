import ArgumentParser
import Client
import Testing
import Wire

@testable import Command

struct ArgumentTests {
  @Test(arguments: [
    ["emit"], ["emit", "T"], ["emit", "T", "--file", "f"], ["emit", "--file", "f", "--data", "1"],
    ["emit", "T", "--subject", "s", "--data", "{a:1}"], ["emit", "T", "--subject", "s", "--expect", "-1"],
    ["emit", "--file", "f", "--expect", "1"], ["tail", "--limit", "0"], ["tail", "--limit", "1001"],
    ["tail", "--from", "-1"], ["history"], ["history", "s", "--limit", "0"], ["history", ""], ["status", "x"],
    ["reload", "--loud"], ["dance"],
  ])
  func `wrong usage is 64`(_ arguments: [String]) {
    let error = #expect(throws: (any Error).self) { try MoondanceCommand.parseAsRoot(arguments) }
    #expect(error.map { MoondanceCommand.exitCode(for: $0).rawValue } == 64)
  }

  @Test func `data that is no JSON is told with its place`() {
    let error = #expect(throws: (any Error).self) {
      try EmitCommand.parse(["T", "--subject", "s", "--data", "{\"a\" 1}"])
    }
    #expect(error.map { EmitCommand.message(for: $0).contains("position 6: here should be a colon") } == true)
  }

  @Test func `an event carries what was said, escaped, and data as typed`() throws {
    let command = try EmitCommand.parse(["T", "--subject", "a\"\\\n", "--id", "i", "--data", "1.50"])
    #expect(
      String(decoding: command.event, as: UTF8.self)
        == #"{"specversion":"1.0","type":"T","subject":"a\"\\\u000a","id":"i","data":1.50}"#)
  }

  @Test func `tail begins with the last ones, where it is told to, or with what comes`() throws {
    func selection(_ arguments: String...) throws -> EventSelection {
      try TailCommand.parse(arguments).selection(next: 8)
    }
    #expect(try selection().last == 20)
    #expect(try selection("--limit", "5").last == 5)
    #expect(try selection("--follow").last == 20)
    #expect(try selection("--from", "3", "--limit", "5").from == 3)
    #expect(try selection("--from", "3").last == nil)
    #expect(try selection("--follow", "--limit", "1").from == 8)
  }

  @Test func `each kind of failure has its exit code, and says what to do`() {
    let nobody = ClientError.notReachable(url: "http://here", reason: "refused")
    #expect(Failure.exitCode(nobody) == 3)
    #expect(Failure.text(nobody).contains("http://here"))
    #expect(Failure.text(nobody).contains("moondance run"))
    #expect(Failure.exitCode(.problem(Problem(.invalidEvent, "No."))) == 1)
    #expect(Failure.exitCode(.badSetting("no")) == 64)
  }

  @Test func `a problem names the line and the last position once`() {
    var problem = Problem(.invalidEvent, "It has no type.")
    (problem.line, problem.last) = (5, 40)
    #expect(Failure.text(.problem(problem)) == "Line 5: It has no type. In up to position 40.")
    problem.detail = "Line 5: It has no type. The 4 events before it are in, to position 40."
    #expect(Failure.text(.problem(problem)) == problem.detail)
  }

  @Test func `pages are read until there is no more, past those that found nothing`() throws {
    let pages: [UInt64: EventPage] = [
      1: EventPage(events: [], next: 50), 50: EventPage(events: [], next: 90), 90: EventPage(events: [], next: 90),
    ]
    var asked: [UInt64] = []
    var selection = EventSelection()
    selection.from = 1
    try EventPrinter(isJSON: true).printAll(selection, limit: nil) {
      asked.append($0.from!)
      return pages[$0.from!]!
    }
    #expect(asked == [1, 50, 90])
  }
}
