/// What people try where something is remembered: states, aggregates and rules.
extension FirstMistake {
  static let state: [FirstMistake] = [
    .init(
      "a file's local assigned in a handler",
      "local count = 0\nconsumer \"x\" { on = { A = function()\n  count = count + 1\nend } }",
      "script.lua:3: \"count\" belongs to the file and would be lost\n  what must be remembered is an event: emit it"),
    .init(
      "a global assigned in a handler", "consumer \"x\" { on = { A = function()\n  count = 1\nend } }",
      "script.lua:2: the global \"count\" would be lost\n  for this call only write local count = …; what must be remembered is an event: emit it"
    ),
  ]

  static let remembering: [FirstMistake] = [
    .init(
      "`state = 0`", "consumer \"x\" { state = 0, on = { A = function(event, state) end } }",
      "script.lua:1: state is a number; a table is wanted\n  write state = { count = 0 }: every key begins with a copy of it"
    ),
    .init(
      "a function in `state`",
      "consumer \"x\" { state = { add = function() end }, on = { A = function(event, state) end } }",
      "script.lua:1: state.add is a function: it cannot be kept as JSON\n  a state holds text, numbers, booleans, null and tables of these"
    ),
    .init(
      "`version = 2` without an `upgrade`",
      "consumer \"x\" { state = { n = 0 }, version = 2, on = { A = function(event, state) end } }",
      "script.lua:1: version is 2, but upgrade has no [1]\n  write upgrade = { [1] = function(state) … return state end }: states of version 1 may be in the log"
    ),
    .init(
      "`version` without a `state`", "consumer \"x\" { version = 2, on = { A = function(event) end } }",
      "script.lua:1: consumer \"x\" has a version of its state, but no state\n  write state = { … }"),
  ]

  static let commands: [FirstMistake] = [
    .init(
      "`send` to a command that nobody owns",
      "aggregate \"account\" { commands = { Withdraw = function(a, c) end } }\nconsumer \"x\" { on = { A = function(event)\n  send(\"Witdraw\", {})\nend } }",
      "script.lua:3: nobody owns \"Witdraw\"\n  did you mean Withdraw (aggregate account)?"),
    .init(
      "two owners of a command",
      "aggregate \"a\" { commands = { C = function() end } }\naggregate \"b\" { commands = { C = function() end } }",
      "script.lua:2: the command \"C\" belongs to aggregate \"a\": script.lua:1\n  a command has one owner: give one of them another name"
    ),
    .init(
      "`aggregate \"a\"` without `commands`", "aggregate \"a\" { events = { A = function(a, e) end } }",
      "script.lua:1: aggregate \"a\" decides no command\n  write commands = { Withdraw = function(state, command) … end }"
    ),
    .init(
      "`state = …` in an aggregate", "aggregate \"a\" { state = {}, commands = { C = function(a, c) end } }",
      "script.lua:1: aggregate \"a\" has no key \"state\"\n  write initial = { … }: what every subject begins with"),
    .init(
      "`on = …` in an aggregate", "aggregate \"a\" { on = {}, commands = { C = function(a, c) end } }",
      "script.lua:1: aggregate \"a\" has no key \"on\"\n  write events = { Withdrawn = function(state, event) … end }"),
    .init(
      "commands beside `commands`",
      "aggregate \"a\" {\n  Withdraw = function(a, c) end,\n  commands = { C = function() end } }",
      "script.lua:2: aggregate \"a\" has no key \"Withdraw\"\n  commands go into commands = { Withdraw = function(state, command) … end }, events into events = { … }"
    ),
    .init(
      "`[\"Withdraw*\"]` in `commands`", "aggregate \"a\" { commands = {\n  [\"Withdraw*\"] = function(a, c) end } }",
      "script.lua:2: \"Withdraw*\" is not a command\n  a command has letters, digits, \".\", \"_\" and \"-\", and is owned by its whole name"
    ),
    .init(
      "`[\"moondance.rejected\"]` in `events`",
      "aggregate \"a\" { commands = { C = function() end }, events = {\n  [\"moondance.rejected\"] = function(a, e) end } }",
      "script.lua:2: names that begin with \"moondance.\" are the host's\n  a consumer can hear them"),
    .init(
      "`initial = 0`", "aggregate \"a\" { initial = 0, commands = { C = function(a, c) end } }",
      "script.lua:1: initial is a number; a table is wanted\n  write initial = { balance = 0 }: what every subject begins with"
    ),
  ]

  static let rules: [FirstMistake] = [
    .init(
      "`emit` together with `unless`",
      "rule \"late\" { when = \"OrderPlaced\", unless = \"PackageSent\", within = \"14d\",\n  emit = \"OrderLate\" }",
      "script.lua:2: emit and unless do not go together: nothing happens before the time is over\n"
        + "  write otherwise = \"OrderLate\""),
    .init(
      "`unless` without `within`",
      "rule \"late\" { when = \"OrderPlaced\",\n  unless = \"PackageSent\", otherwise = \"OrderLate\" }",
      "script.lua:2: unless waits for ever without within\n  write within = \"15m\""),
    .init(
      "`when = { \"A\", \"B\" }`", "rule \"ready\" {\n  when = { \"Paid\", \"Reserved\" }, emit = \"Ready\" }",
      "script.lua:2: when is a table without any or all\n  write when = \"OrderPlaced\", any { … } or all { … }"),
    .init(
      "`on = …` in a rule", "rule \"ready\" { when = \"Paid\",\n  on = {}, emit = \"Ready\" }",
      "script.lua:2: rule \"ready\" has no key \"on\"\n"
        + "  a rule has no code: write when = \"OrderPlaced\", emit = \"…\"; code belongs to a consumer"),
    .init(
      "`within = 15`", "rule \"ready\" { when = all { \"Paid\", \"Reserved\" },\n  within = 15, emit = \"Ready\" }",
      "script.lua:2: within is 15; a span is wanted\n  a span is text with a unit: \"15s\""),
    .init(
      "a rule that does nothing", "rule \"ready\" { when = all { \"Paid\", \"Reserved\" } }",
      "script.lua:1: rule \"ready\" does nothing\n  write emit = \"…\", send = \"…\" or publish = \"…\""),
    .init(
      "a rule with `emit` and `publish`",
      "rule \"ready\" { when = \"Paid\", emit = \"Ready\",\n  publish = \"shop\" }",
      "script.lua:2: rule \"ready\" has emit and publish: a rule does one thing\n  write a rule for each"),
    .init(
      "`cleared` without `again`",
      "rule \"hot\" { when = \"Reading\", count = 3, emit = \"AlarmRaised\",\n  cleared = \"AlarmCleared\" }",
      "script.lua:2: cleared goes with again = \"cleared\"\n  write again = \"cleared\""),
    .init(
      "`send` in a rule to a command that nobody owns",
      "rule \"pay\" { when = \"Ordered\",\n  send = \"Chrge\" }\n"
        + "aggregate \"account\" { commands = { Charge = function() end } }",
      "script.lua:2: nobody owns \"Chrge\"\n  did you mean Charge (aggregate account)?"),
    .init(
      "`publish` in a rule to a destination that there is not",
      "rule \"tell\" { when = \"Ordered\",\n  publish = \"warehose\" }\n"
        + "destination \"warehouse\" { file = \"w.ndjson\" }",
      "script.lua:2: there is no destination \"warehose\"\n  did you mean \"warehouse\"?"),
    .init(
      "`all` with one type",
      "rule \"a\" {\n  when = all { \"A\" }, emit = \"B\" }",
      "script.lua:2: when has too few types in all\n  write when = \"OrderPlaced\", any { … } or all { … }"),
  ]
}
