import ArgumentParser
import Client
import Foundation
import Wire

/// `moondance send`
struct SendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "send",
    abstract: "Send a command to the aggregate that owns it.",
    discussion: """
      Prints the events that the command has made, or, when it is rejected, the reason on standard error, with exit code 2. \
      When it is not decided in time it is durable all the same and will be; that is exit code 1. A command with --source \
      and --id can be sent again: it ends as it did the first time.

      EXAMPLES
        moondance send Withdraw --to account-1 --data '{"amount": 20}'
        moondance send Withdraw --to account-1 --data '{"amount": 20}' --source till-7 --id 4711
        moondance send Withdraw --to account-1 --wait 500ms
      """)

  @Argument(help: ArgumentHelp("The command.", valueName: "command"))
  var command: String

  @Option(help: ArgumentHelp("The subject it is for.", valueName: "subject"))
  var to: String

  @Option(help: ArgumentHelp("More about it, as JSON.", valueName: "json"))
  var data: String?

  @Option(help: ArgumentHelp("Who sends it; wanted with --id.", valueName: "source"))
  var source: String?

  @Option(help: ArgumentHelp("Makes it the same command when this source sends it again.", valueName: "id"))
  var id: String?

  @Option(help: ArgumentHelp("How long to wait for the outcome. (default: 10s)", valueName: "span"))
  var wait: String?

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if to.isEmpty { throw ValidationError("say whom it is for: --to account-1") }
    if id != nil, source == nil { throw ValidationError("--id says something only together with --source") }
    guard let data else { return }
    do {
      try JSONScanner.check(Array(data.utf8))
    } catch {
      throw ValidationError("--data is no JSON at \(MistakeText.text(error, in: data))")
    }
  }

  /// What `POST /commands` takes.
  var body: [UInt8] {
    var members: [String] = []
    for (name, value) in [("to", to), ("source", source), ("id", id)] {
      if let value { members.append("\"\(name)\":\(EmitCommand.quoted(value))") }
    }
    if let data { members.append("\"data\":\(data)") }
    return Array("{\(members.joined(separator: ","))}".utf8)
  }

  func run() throws {
    try server.withClient { client in
      do {
        try show(try client.send(command, body, wait: wait))
      } catch ClientError.problem(let problem) where problem.kind == .rejected {
        if server.json, let data = try? JSONEncoder().encode(problem) {
          try Output.write(Array(data) + [UInt8(ascii: "\n")])
        }
        Output.complain("rejected: \(EventLine.harmless(problem.detail))")
        throw ExitCode(2)
      }
    }
  }

  private func show(_ reply: Reply<CommandReply>) throws {
    if server.json { try Output.write(reply.json + [UInt8(ascii: "\n")]) }
    switch reply.value {
    case .accepted(let events): if !server.json { try EventPrinter(isJSON: false).print(events) }
    case .pending(let receipt):
      if let letter = receipt.deadLetter {
        Output.complain(
          "the command at \(receipt.position) failed and was given up: see moondance dead-letters show \(letter)")
      } else {
        Output.complain("the command at \(receipt.position) is not decided yet; it is durable and will be")
      }
      throw ExitCode(1)
    }
  }
}
