import ArgumentParser
import Client
import Foundation
import Wire

/// How a command finds its daemon.
struct ServerOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The daemon. (default: MOONDANCE_URL or \(MoondanceClient.standardServer))", valueName: "url"))
  var server: String?

  @Option(help: ArgumentHelp("A file with the token to show. (default: MOONDANCE_TOKEN_FILE)", valueName: "file"))
  var tokenFile: String?

  private var environment: [String: String] { ProcessInfo.processInfo.environment }

  var url: String { server ?? environment["MOONDANCE_URL"] ?? MoondanceClient.standardServer }

  func validate() throws {
    guard let parsed = URL(string: url), ["http", "https"].contains(parsed.scheme), parsed.host != nil else {
      throw ValidationError("\"\(url)\" is no address of a daemon: write http://HOST:PORT")
    }
  }

  /// Runs `body`; what goes wrong becomes a sentence on standard error and the exit code.
  func run<Result>(_ body: (MoondanceClient) throws -> Result) throws -> Result {
    do {
      return try body(MoondanceClient(server: url, token: try token()))
    } catch let error as ClientError {
      switch error {
      case .notReachable(let reason):
        Terminal.error("no daemon answers at \(url) (\(reason)): start one with \"moondance run\", or name another with --server")
        throw ExitCode(3)
      case .broken(let reason):
        Terminal.error(reason)
        throw ExitCode(1)
      case .refused(let problem):
        Terminal.error(Self.text(of: problem))
        throw ExitCode(1)
      }
    }
  }

  /// The token: the last word of the file's first line that is no comment, so that a daemon's token file will do.
  private func token() throws -> String? {
    guard let path = tokenFile ?? environment["MOONDANCE_TOKEN_FILE"] else { return nil }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw ValidationError("the token file \(path) cannot be read")
    }
    let line = text.split(separator: "\n").first { !$0.hasPrefix("#") && !$0.allSatisfy(\.isWhitespace) }
    return line?.split(whereSeparator: \.isWhitespace).last.map(String.init)
  }

  static func text(of problem: Problem) -> String {
    var text = problem.title + ": " + problem.detail
    if let line = problem.line { text = "line \(line): " + text }
    if let last = problem.last { text += last > 0 ? " Everything up to position \(last) is in." : " Nothing of it is in." }
    for error in problem.errors ?? [] { text += "\n\(error)" }
    return text
  }
}
