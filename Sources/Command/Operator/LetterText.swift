import Client
import Foundation
import Wire

/// One dead letter with its attempts, for people.
enum LetterText {
  static func text(_ reply: Reply<DeadLetterHistory>) -> String {
    let letter = reply.value
    var lines = [
      "dead letter \(letter.id) of \(letter.consumer ?? "a consumer that was forgotten"): \(state(letter))",
      "key    \(letter.key)",
    ]
    if let event = event(in: reply.json) { lines.append("event  \(EventLine.text(event, width: nil))") }
    if letter.omitted { lines += ["", "earlier attempts are too many to show"] }
    for attempt in letter.attempts { lines += [""] + text(attempt) }
    return lines.map(EventLine.harmless).joined(separator: "\n")
  }

  private static func state(_ letter: DeadLetterHistory) -> String {
    switch letter.state {
    case "blocking": "blocking, \(counted(letter.waiting, "event")) \(letter.waiting == 1 ? "waits" : "wait") behind it"
    case "skipped": "skipped, the events behind it went on"
    default: letter.state
    }
  }

  private static func text(_ attempt: DeadLetterHistory.Attempt) -> [String] {
    var about = "attempt \(attempt.attempt), \(attempt.time), \(attempt.kind), generation \(attempt.generation)"
    if let hash = attempt.scriptHash { about += ", script \(hash.prefix(12))" }
    let traceback = attempt.traceback.hasPrefix(attempt.error) ? "" : attempt.error + "\n"
    return [about] + indented(traceback + attempt.traceback) + attempt.log.flatMap { indented("log " + $0) }
  }

  private static func indented(_ text: String) -> [String] {
    text.split(separator: "\n").map { "  " + $0.replacing("\t", with: "  ") }
  }

  /// The event as the daemon wrote it.
  private static func event(in json: [UInt8]) -> EventText? {
    guard let member = try? JSONScanner.members(json).first(where: { $0.name == "event" }),
      json[member.value.lowerBound] == UInt8(ascii: "{")
    else { return nil }
    return EventText(json: json[member.value])
  }
}
