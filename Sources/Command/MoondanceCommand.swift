import ArgumentParser
import Daemon

/// `moondance`
struct MoondanceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "moondance",
    abstract: "Durable reactions to events, written in Lua and changed while they run.",
    discussion: """
      Start a daemon with "moondance run" on a folder of scripts and talk to it with the other commands; they find it by \
      --server or MOONDANCE_URL, else at http://127.0.0.1:8070.

      EXIT CODES
        0 done, 1 failed or refused, 2 rejected by a script, 3 daemon not reachable, 64 wrong usage
      """,
    version: Version.text,
    groupedSubcommands: [
      CommandGroup(name: "Daemon", subcommands: [RunCommand.self, CheckCommand.self, TestCommand.self]),
      CommandGroup(
        name: "Events", subcommands: [EmitCommand.self, TailCommand.self, HistoryCommand.self, ViewCommand.self]),
      CommandGroup(name: "Commands", subcommands: [SendCommand.self, StateCommand.self]),
      CommandGroup(
        name: "Operation",
        subcommands: [
          StatusCommand.self, DeadLettersCommand.self, ConsumersCommand.self, ProcessesCommand.self, OutboxCommand.self,
          SourcesCommand.self, SchedulesCommand.self, TimersCommand.self, ReloadCommand.self,
        ]),
      CommandGroup(name: "Without a daemon", subcommands: [LogCommand.self, BenchCommand.self]),
    ])
}

/// The program.
package enum Moondance {
  /// Does what the command line says and exits.
  package static func main() async { await MoondanceCommand.main() }
}
