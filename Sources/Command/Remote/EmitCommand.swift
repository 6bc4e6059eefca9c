import ArgumentParser
import Client
import Foundation
import Wire

/// `moondance emit`
struct EmitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emit",
    abstract: "Append one event, or a file of them.",
    discussion: """
      One event: prints its position once it is durable. A file: CloudEvents in JSON, one a line, committed while they \
      are sent; what came before a bad line is in. An event whose source and id are in the log is a duplicate and is \
      not appended again. With --expect an event is appended only while nothing has happened to its subject since that \
      position. Ctrl-C ends a file after a whole line and tells what is in.

      EXAMPLES
        moondance emit OrderPlaced --subject order-1 --data '{"price": 20}'
        moondance emit OrderPaid --subject order-1 --expect 813
        moondance emit --file orders.ndjson
        moondance log export old-data | moondance emit --file -
      """)

  @Argument(help: ArgumentHelp("What happened.", valueName: "type"))
  var type: String?

  @Option(help: ArgumentHelp("Whom it happened to.", valueName: "subject"))
  var subject: String?

  @Option(help: ArgumentHelp("More about it, as JSON.", valueName: "json"))
  var data: String?

  @Option(help: ArgumentHelp("Who says so. (default: the name of the log)", valueName: "source"))
  var source: String?

  @Option(
    help: ArgumentHelp(
      "Makes it a duplicate when this source has said it before. (default: the position)", valueName: "id"))
  var id: String?

  @Option(
    help: ArgumentHelp(
      "Only if the subject's last event has this position; 0: if it has none.", valueName: "position"))
  var expect: UInt64?

  @Option(help: ArgumentHelp("Events to append, one a line; - is standard input.", valueName: "file"))
  var file: String?

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if file != nil {
      guard type == nil, subject == nil, data == nil, source == nil, id == nil, expect == nil else {
        throw ValidationError(
          "--file brings whole events; a type, --subject, --data, --source, --id and --expect do not go with it")
      }
      return
    }
    guard type != nil else {
      throw ValidationError("say what happened (moondance emit OrderPlaced --subject order-1), or give --file")
    }
    guard subject != nil else { throw ValidationError("say whom it happened to: --subject order-1") }
    guard let data else { return }
    do {
      try JSONScanner.check(Array(data.utf8))
    } catch {
      throw ValidationError("--data is no JSON at \(MistakeText.text(error, in: data))")
    }
  }

  func run() throws {
    try server.withClient { client in
      if let file { try stream(file, to: client) } else { try single(to: client) }
    }
  }

  /// The CloudEvent that the options say.
  var event: [UInt8] {
    var members = [#""specversion":"1.0""#]
    for (name, value) in [("type", type), ("subject", subject), ("source", source), ("id", id)] {
      if let value { members.append("\"\(name)\":\(Self.quoted(value))") }
    }
    if let data { members.append("\"data\":\(data)") }
    return Array("{\(members.joined(separator: ","))}".utf8)
  }

  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private func single(to client: Client) throws {
    let reply = try client.append(event: event, expecting: expect)
    if server.json { return try Output.write(reply.json + [UInt8(ascii: "\n")]) }
    if let position = reply.value.first { try Output.print("\(position)") }
    if reply.value.duplicates > 0 { Output.complain("a duplicate: this is the position it has had") }
  }

  private func stream(_ file: String, to client: Client) throws {
    let descriptor = file == "-" ? 0 : open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw ClientError.unreadable("\(file): \(String(cString: strerror(errno)))") }
    defer { if descriptor > 0 { close(descriptor) } }
    Interrupt.listen()
    let progress = SendProgress(descriptor)
    defer { progress.end() }
    let reply = try client.append(linesOf: descriptor) { progress.show($0) }
    progress.end()
    if Interrupt.isRaised { Output.complain("interrupted; what follows is in") }
    try server.print(reply) { EmitSummary.text($0) }
  }
}
