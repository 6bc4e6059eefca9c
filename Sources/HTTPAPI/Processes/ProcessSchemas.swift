/// The documents about instances of processes.
extension APISchemas {
  static let processes = Schema.object(
    [
      "processes": .array(.reference("Process")), "instances": .array(.reference("ProcessInstance")),
      "next": .nullable(.string("What after must be to go on; null: this was the last page.")),
    ], required: ["processes", "instances", "next"])

  static let process = Schema.object(
    [
      "name": .string(), "instances": .integer("Those that run."),
      "versions": .array(
        .object(["generation": .integer(), "instances": .integer()], required: ["generation", "instances"])),
      "retrying": .integer("Keys whose last call failed and that are called again."),
      "stuck": .integer("Keys that wait for an operator."),
    ], required: ["name", "instances", "versions", "retrying", "stuck"])

  static let instanceWait = Schema.object(
    [
      "kind": .string("outcome (of a command), answer (to a request), events or sleep."),
      "types": .array(.string()), "all": .boolean, "since": .string("RFC 3339."), "deadline": .string("RFC 3339."),
    ], required: ["kind", "since"])

  static let instance = Schema.object(
    [
      "process": .string(), "key": .string(), "state": .string("waiting, retrying or stuck."),
      "version": .integer("The generation of the scripts that it runs on."),
      "stays": .object(
        [
          "generation": .integer("That it was tried on."), "step": .integer("The first that differs there, from 1."),
          "why": .string(),
        ], required: ["generation", "step", "why"]),
      "start": .integer("The position of the event that started it."), "steps": .integer(),
      "waitsFor": .reference("ProcessWait"),
      "compensations": .array(.integer("The line of a compensation that a rollback would run, the last first.")),
      "isRollingBack": .boolean, "heard": .integer("Events that were heard and are not awaited yet."),
      "alreadyRunning": .integer("Start events that came while it was running."),
      "deadLetter": .string("That it is stuck with."), "nextTry": .string("RFC 3339."),
    ],
    required: [
      "process", "key", "state", "version", "start", "steps", "waitsFor", "compensations", "isRollingBack", "heard",
      "alreadyRunning",
    ])

  static let instanceEntry = Schema.object(
    [
      "position": .integer(), "kind": .string("event, command, message or timer."), "type": .string(),
      "about": .string("The subject of an event, the target of a command, the key of a message."),
      "time": .string("RFC 3339."),
    ], required: ["position", "kind", "type", "about", "time"])

  static let timeline = Schema.object(
    [
      "instance": .reference("ProcessInstance"),
      "steps": .array(
        .object(
          [
            "step": .integer("From 1."), "kind": .string("start, event, outcome, answer, timeout, abort or cancel."),
            "heard": .reference("ProcessEntry"), "time": .string("RFC 3339."),
            "made": .array(.reference("ProcessEntry")),
          ], required: ["step", "kind", "time", "made"])),
      "omitted": .integer("Steps before these."), "mailbox": .array(.reference("ProcessEntry")),
    ], required: ["instance", "steps", "omitted", "mailbox"])

  static let processReceipt = Schema.object(
    ["told": .integer("How many instances were told."), "position": .nullable(.integer())],
    required: ["told", "position"])

  static let cancelRequest = Schema.object(["rollback": .boolean, "by": by])
}
