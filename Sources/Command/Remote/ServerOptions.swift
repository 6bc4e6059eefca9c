import ArgumentParser
import Client
import Foundation
import Wire

/// Where the daemon is: the options that the client commands share.
struct ServerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where the daemon is. (default: MOONDANCE_URL, else \(Endpoint.usual))", valueName: "url"))
  var server: String?

  @Option(help: ArgumentHelp("A file with the token to send. (default: MOONDANCE_TOKEN_FILE)", valueName: "file"))
  var tokenFile: String?

  @Flag(help: "Print JSON as HTTP returns it.")
  var json = false

  /// Prints an answer: as HTTP gives it with `--json`, else what it says to people.
  func print<Value>(_ reply: Reply<Value>, _ text: (Value) throws -> String) throws {
    if json { return try Output.write(reply.json + [UInt8(ascii: "\n")]) }
    try Output.print(text(reply.value))
  }

  /// Runs `body`; what goes wrong becomes one text on standard error and an exit code.
  func withClient(_ body: (Client) throws -> Void) throws {
    // A reader that has enough makes writing fail, and that is no failure of this program.
    signal(SIGPIPE, SIG_IGN)
    do {
      let endpoint = try Endpoint(
        server: server, tokenFile: tokenFile, environment: ProcessInfo.processInfo.environment)
      try body(Client(endpoint))
    } catch is Output.ReaderGone {
      return
    } catch let error as ClientError {
      if json, case .problem(let problem) = error, let data = try? JSONEncoder().encode(problem) {
        try? Output.write(Array(data) + [UInt8(ascii: "\n")])
      }
      Output.complain(Failure.text(error))
      throw ExitCode(Failure.exitCode(error))
    }
  }
}

/// What a failed call means to whoever typed the command.
enum Failure {
  static func exitCode(_ error: ClientError) -> Int32 {
    switch error {
    case .notReachable, .disconnected: 3
    case .badSetting: 64
    case .problem, .unexpected, .unreadable: 1
    }
  }

  static func text(_ error: ClientError) -> String {
    switch error {
    case .notReachable(let url, let reason):
      """
      no daemon answers at \(url): \(reason).
      Start one with "moondance run", or say where it is with --server or MOONDANCE_URL.
      """
    case .disconnected(let url, let reason):
      """
      the connection to \(url) was lost: \(reason).
      What was sent last may be in or not; events with ids of their own can safely be sent again.
      """
    case .problem(let problem): text(problem)
    case .unexpected(let url, let reason): "what answers at \(url) is no Moondance daemon: \(reason)"
    case .badSetting(let text): text
    case .unreadable(let reason): "the input cannot be read: \(reason)"
    }
  }

  /// The detail, with the line and the last position of a stream when it does not tell them, and every error of a load.
  private static func text(_ problem: Problem) -> String {
    var text = problem.detail
    if let line = problem.line, !text.contains("ine \(line)") { text = "Line \(line): " + text }
    if let last = problem.last, last > 0, !text.contains("position \(last)") { text += " In up to position \(last)." }
    for error in problem.errors ?? [] { text += "\n" + error }
    return text
  }
}
