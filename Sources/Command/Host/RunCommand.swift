import ArgumentParser
import Daemon
import Foundation
import LogStorage

/// `moondance run`
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run the daemon on a folder of Lua scripts.",
    discussion: """
      Loads every *.lua file in HANDLERS, keeps the log in the data folder, and answers HTTP until it is told to stop \
      (Ctrl-C or SIGTERM). A script that is saved is live within a second; a folder that does not load leaves the \
      running scripts as they are and says what is wrong.

      EXAMPLES
        moondance run
        moondance run shop/handlers --data /var/lib/shop --listen 127.0.0.1:9000
        moondance run --token-file tokens --listen 0.0.0.0:8070
      """)

  @Argument(help: "The folder with the scripts.")
  var handlers = "handlers"

  @Option(help: ArgumentHelp("The folder of the log; made when it is missing.", valueName: "folder"))
  var data = "data"

  @Option(
    help: ArgumentHelp("Where to answer HTTP. Other addresses than loopback need --token-file.", valueName: "host:port")
  )
  var listen = "127.0.0.1:8070"

  @Option(help: ArgumentHelp("Threads that run scripts. (default: one per core, at least 2)", valueName: "n"))
  var workers: Int?

  @Option(
    help: ArgumentHelp(
      "At least so many milliseconds between two syncs; acknowledgements wait for them.", valueName: "ms"))
  var syncEvery = 0

  @Option(
    help:
      "Where commit times come from: the host's clock, or the events (imported histories). Fixed when the log is made.")
  var clock: ClockName?

  @Flag(help: "Follow the wall clock even when it jumps ahead by more than a day.")
  var acceptClock = false

  @Option(help: "How log lines look.")
  var logFormat: LogFormatName = .text

  @Option(help: ArgumentHelp("A file (mode 0600) with the tokens that clients must send.", valueName: "file"))
  var tokenFile: String?

  enum ClockName: String, ExpressibleByArgument, CaseIterable {
    case host, events
  }

  enum LogFormatName: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  func validate() throws {
    if let workers, !(1...256).contains(workers) { throw ValidationError("--workers takes a number from 1 to 256") }
    guard (0...60_000).contains(syncEvery) else { throw ValidationError("--sync-every takes 0 to 60000 milliseconds") }
    _ = try address()
  }

  func run() async throws {
    var run = RunConfiguration()
    run.handlers = handlers
    run.data = data
    (run.host, run.port) = try address()
    run.workers = workers ?? max(2, ProcessInfo.processInfo.activeProcessorCount)
    run.syncEvery = syncEvery
    run.clock = clock.map { $0 == .events ? .events : .host }
    run.acceptsClockJumps = acceptClock
    run.logFormat = logFormat == .json ? .json : .text
    run.tokenFile = tokenFile
    do {
      try await Daemon(run).run()
    } catch {
      FileHandle.standardError.write(Data("moondance: \(error)\n".utf8))
      throw ExitCode(error.exitCode)
    }
  }

  private func address() throws -> (String, Int) {
    guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]),
      (0...65_535).contains(port), colon != listen.startIndex
    else { throw ValidationError("--listen takes HOST:PORT, such as 127.0.0.1:8070; \"\(listen)\" is none") }
    let host = listen[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
    return (host, port)
  }
}
