import ArgumentParser
import Client
import Foundation
import Testing
import Wire

@testable import Command

struct OutboxTextTests {
  private func way(_ arguments: String...) throws -> LetterRun.Way {
    LetterRun(verb: .retry, choice: try RetryMessages.parse(arguments).choice).request(by: "anna")
  }

  @Test func `messages are chosen as dead letters of consumers are, by destination`() throws {
    #expect(try way("8123.2") == .one("8123.2"))
    #expect(try way("1", "2") == .groups(["1", "2"]))
    #expect(try way("--all") == .whole(ResolveRequest(all: true, by: "anna")))
    #expect(
      try way("--all", "--destination", "w", "--key", "k")
        == .whole(ResolveRequest(destination: "w", key: "k", by: "anna")))
    var selection = DeadLetterSelection(.messages)
    (selection.owner, selection.error) = ("w", "500")
    #expect(try way("--all", "--destination", "w", "--error", "500") == .found(selection))
  }

  @Test func `a choice that says nothing names the options that there are`() {
    let error = #expect(throws: (any Error).self) { try RetryMessages.parse([]) }
    let text = error.map { RetryMessages.message(for: $0) } ?? ""
    #expect(text.contains("--all with --destination, --key or --error"))
  }

  private func outbox(_ name: String, state: String = "running", note: String? = nil) -> StatusReport.Outbox {
    StatusReport.Outbox(
      destination: name, script: "out.lua", state: state, pending: 100_000, failed: 2, blocked: 7, queued: 12,
      cursor: 8123, note: note)
  }

  @Test func `destinations are a table, with what there is to say of them below`() {
    #expect(
      StatusText.destinations([
        outbox("warehouse", state: "down", note: "no connection\u{1B}[2J; tried again now and then"), outbox("bus"),
      ]) == """
        DESTINATION  STATE    PENDING  BLOCKED  DEAD LETTERS  CURSOR
        warehouse    down      100000        7             2    8123
        bus          running   100000        7             2    8123

        warehouse: no connection\u{FFFD}[2J; tried again now and then
        """)
    #expect(StatusText.destinations([]) == "no destinations")
  }

  private func report(_ outbox: [StatusReport.Outbox]) -> StatusReport {
    StatusReport(
      version: "1", generation: .init(number: 1, scripts: [], error: nil),
      log: .init(head: 1, durable: 1, bytes: 1, id: "00", name: "moondance:00"), consumers: [], outbox: outbox)
  }

  @Test func `the status shows the outbox when there are destinations`() {
    #expect(
      StatusText.text(report([outbox("warehouse")])).hasSuffix("\n\n" + StatusText.destinations([outbox("warehouse")])))
    #expect(!StatusText.text(report([])).contains("destination"))
  }

  private static let letter = #"""
    {"id":"8123","destination":"warehouse","key":"o-1","position":7,"message":{"id":"00ff-7","destination":"warehouse",
     "key":"o-1","type":"OrderPlaced","headers":{"x-tenant":"a"},"body":{"n": 1.50},"position":7,
     "time":"2026-07-01T09:30:00.000000Z"},"failedAt":"","state":"blocking","waiting":2
    """#

  @Test func `letters of destinations are listed under their name`() throws {
    let json = Array(
      (#"{"outbox":[],"deadLetters":["# + Self.letter
        + #","error":"500 a\nb","kind":"error","traceback":"","log":[],"scriptHash":null,"generation":1,"attempts":8}],"#
        + #""next":null,"total":1}"#).utf8)
    let page = Reply(value: try JSONDecoder().decode(DeadLetterList.self, from: Data(json)), json: json)
    var printer = LetterPrinter(of: .messages, isJSON: false, width: nil)
    #expect(
      printer.lines(page, isLast: true).map { String(decoding: $0, as: UTF8.self) } == [
        "ID    DESTINATION  KEY  POSITION  TYPE         ATTEMPTS  STATE     WAITING  ERROR",
        "8123  warehouse    o-1         7  OrderPlaced         8  blocking        2  500 a",
      ])
  }

  @Test func `a message is shown with its headers, its body as it was given, and every attempt`() throws {
    let json = Array(
      (Self.letter + #","omitted":false,"attempts":[{"attempt":1,"time":"2026-07-01T09:30:01Z","kind":"error","#
        + #""error":"500","traceback":"","log":[],"scriptHash":null,"generation":3}]}"#).utf8)
    let reply = Reply(value: try JSONDecoder().decode(DeadLetterHistory.self, from: Data(json)), json: json)
    #expect(
      LetterText.text(reply, of: .messages) == """
        dead letter 8123 of warehouse: blocking, 2 messages wait behind it
        key      o-1
        message  00ff-7, at 7, 2026-07-01T09:30:00.000000Z, for OrderPlaced
        headers  {"x-tenant":"a"}
        body     {"n": 1.50}

        attempt 1, 2026-07-01T09:30:01Z, error, generation 3
          500
        """)
    var forgotten = reply
    (forgotten.value.destination, forgotten.value.message, forgotten.value.state) = (nil, nil, "resolved")
    #expect(
      LetterText.text(forgotten, of: .messages)
        .hasPrefix("dead letter 8123 of a destination that was forgotten: resolved\n"))
  }

  @Test func `what forgetting a destination gives up is said before, unless it is nothing`() {
    var idle = outbox("w")
    (idle.queued, idle.failed) = (0, 0)
    #expect(ReaderText.beforeForgetting(idle) == nil)
    let declared = ReaderText.beforeForgetting(outbox("w"))
    #expect(declared?.hasPrefix("12 messages in blocked keys and 2 dead letters of w will be dropped") == true)
    let removed = ReaderText.beforeForgetting(outbox("w", state: "removed"))
    #expect(removed?.contains("drops 100000 messages still to be delivered and 2 dead letters") == true)
  }

  @Test func `what verbs did is said in words for messages`() {
    let receipt = DestinationReceipt(
      destination: "w", state: "running", cursor: 40, changed: true, droppedMessages: 1, droppedDeadLetters: 2)
    #expect(ReaderText.forgotten(receipt) == "dropped: 1 message in blocked keys, 2 dead letters; w goes on from 40")
    #expect(ReaderText.paused(receipt) == "w is paused, at 40")
    #expect(ReaderText.resumed(receipt) == "w goes on from 40")
  }
}
