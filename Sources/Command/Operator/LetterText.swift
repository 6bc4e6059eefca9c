import Client
import Foundation
import Wire

/// One dead letter with its attempts, for people.
enum LetterText {
  static func show(_ id: String, of kind: DeadLetterKind, _ server: ServerOptions) throws {
    try server.withClient { client in
      let reply = try client.deadLetter(id, of: kind)
      try server.print(reply) { _ in text(reply, of: kind) }
    }
  }

  static func text(_ reply: Reply<DeadLetterHistory>, of kind: DeadLetterKind = .events) -> String {
    let letter = reply.value
    let owner = letter.consumer ?? letter.destination ?? "a \(kind.owner) that was forgotten"
    var lines = ["dead letter \(letter.id) of \(owner): \(state(letter, of: kind))"]
    switch kind {
    case .events:
      lines.append("key    \(letter.key)")
      if let event = event(in: reply.json) { lines.append("event  \(EventLine.text(event, width: nil))") }
    case .messages:
      lines.append("key      \(letter.key)")
      if let message = letter.message { lines += text(message, in: reply.json) }
    }
    if letter.omitted { lines += ["", "earlier attempts are too many to show"] }
    for attempt in letter.attempts { lines += [""] + text(attempt) }
    return lines.map(EventLine.harmless).joined(separator: "\n")
  }

  private static func state(_ letter: DeadLetterHistory, of kind: DeadLetterKind) -> String {
    let unit = kind == .events ? "event" : "message"
    return switch letter.state {
    case "blocking": "blocking, \(counted(letter.waiting, unit)) \(letter.waiting == 1 ? "waits" : "wait") behind it"
    case "skipped": "skipped, the \(unit)s behind it went on"
    default: letter.state
    }
  }

  /// A message, with its body as the script gave it.
  private static func text(_ message: MessageAttributes, in json: [UInt8]) -> [String] {
    let cause = message.type.map { ", for \($0)" } ?? ""
    var lines = ["message  \(message.id), at \(message.position), \(message.time)\(cause)"]
    for (name, label) in [("headers", "headers  "), ("body", "body     ")] {
      guard let whole = member("message", of: json), let value = member(name, of: whole) else { continue }
      lines.append(label + String(decoding: value, as: UTF8.self))
    }
    return lines
  }

  private static func member(_ name: String, of json: [UInt8]) -> [UInt8]? {
    guard let member = try? JSONScanner.members(json).first(where: { $0.name == name }) else { return nil }
    return Array(json[member.value])
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
    guard let event = member("event", of: json), event.first == UInt8(ascii: "{") else { return nil }
    return EventText(json: event[...])
  }
}
