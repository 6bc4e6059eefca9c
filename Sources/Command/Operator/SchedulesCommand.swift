import ArgumentParser
import Client
import Wire

/// `moondance schedules`
struct SchedulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedules",
    abstract: "Say what is made by the clock: when it was last, and when it is next.",
    discussion: """
      NEXT and LAST are times of UTC at which a run is or was due; what the last one has made is at POSITION. Runs that the \
      host has missed while it was away are made up for as MISSED says: the last of them, none, or all.

      EXAMPLES
        moondance schedules
        moondance schedules --json
      """)

  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.schedules()
      try server.print(reply) { ScheduleText.list($0.schedules) }
    }
  }
}

/// Schedules, for people.
enum ScheduleText {
  static func list(_ schedules: [ScheduleReport]) -> String {
    if schedules.isEmpty { return "no schedules" }
    var table = TextTable(
      ["SCHEDULE", "TIMES", "MAKES", "NEXT", "LAST", "POSITION", "MISSED"], numbers: [5])
    return table.lines(
      schedules.map { schedule in
        [
          schedule.name, schedule.times,
          schedule.type + (schedule.kind == "command" ? " to \(schedule.subject)" : ""),
          schedule.next.map(short) ?? "never", schedule.last.map { short($0.due) } ?? "never",
          schedule.last.map { "\($0.position)" } ?? "", schedule.missed,
        ]
      }
    ).joined(separator: "\n")
  }

  /// Without the fraction of a second, when it is none.
  private static func short(_ time: String) -> String {
    time.hasSuffix(".000000Z") ? "\(time.dropLast(8))Z" : time
  }
}
