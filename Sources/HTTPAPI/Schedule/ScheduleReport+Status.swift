internal import Engine
internal import Events
internal import Scripts
internal import Wire

extension ScheduleReport {
  init(_ schedule: HostStatus.Schedule) {
    let declaration = schedule.declaration
    self.init(
      name: declaration.name, script: declaration.file, line: declaration.line,
      times: declaration.recurrence.description, kind: declaration.effect.isCommand ? "command" : "event",
      type: declaration.effect.type, subject: declaration.effect.subject, missed: declaration.missed.rawValue,
      next: schedule.next.map(Timestamp.text),
      last: schedule.last.map { Run(due: Timestamp.text($0.time), position: $0.position) })
  }
}

extension APISchemas {
  static let schedule = Schema.object(
    [
      "name": .string(), "script": .string("The file that declares it."), "line": .integer("Where in that file."),
      "times": .string("cron and its zone, or every and a span."), "kind": .string("event or command."),
      "type": .string("What is made."), "subject": .string("Whom it is about, or for."),
      "missed": .string("What becomes of times that the host has missed: once, skip or all."),
      "next": .string("When it is due next, RFC 3339; not there when it is not."),
      "last": .object(
        ["due": .string("When it was due, RFC 3339."), "position": .integer("Of what it has made.")],
        required: ["due", "position"]),
    ], required: ["name", "script", "line", "times", "kind", "type", "subject", "missed"])
}
