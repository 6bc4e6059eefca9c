package import ArgumentParser
internal import Daemon

/// `moondance`
package struct MoondanceCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "moondance",
    abstract: "Event choreography in Lua: a durable event log that wakes scripts.",
    discussion: """
      Start a daemon with "moondance run" on a folder of scripts, and talk to it with the other commands. They find it \
      by --server or MOONDANCE_URL, else at http://127.0.0.1:8070.

      EXIT CODES
        0 done · 1 failed or refused · 2 rejected by a script · 3 daemon not reachable · 64 wrong usage
      """,
    version: Version.text,
    groupedSubcommands: [
      CommandGroup(name: "Host", subcommands: [RunCommand.self, CheckCommand.self, LogCommand.self, BenchCommand.self]),
      CommandGroup(
        name: "Client",
        subcommands: [
          EmitCommand.self, TailCommand.self, HistoryCommand.self, StatusCommand.self, ReloadCommand.self,
        ]),
    ])

  package init() {}
}
