/// What newcomers try and what they are told. The table in docs/handlers.md is made of this list; a test compares.
struct FirstMistake: CustomStringConvertible, Sendable {
  /// In the table's first column.
  let tried: String
  /// `script.lua`.
  let source: String
  /// `script.lua:LINE: what`, with the hint on the second line.
  let says: String
  var files: [(String, String)] = []
  var isWarning = false

  var description: String { tried }

  init(
    _ tried: String, _ source: String, _ says: String, isWarning: Bool = false, files: [(String, String)] = []
  ) {
    self.tried = tried
    self.source = source
    self.says = says
    self.isWarning = isWarning
    self.files = files
  }

  /// The row of the table: the message without its file, and the hint.
  var row: String {
    let lines = says.split(separator: "\n").map { line in
      let text = line.trimmingPrefix("  ").trimmingPrefix("script.lua:").trimmingPrefix(" ")
      return "`" + text.replacing("|", with: "\\|") + "`"
    }
    let what = isWarning ? "warning: " : ""
    return "| \(tried.replacing("|", with: "\\|")) | \(what)\(lines.joined(separator: "<br>")) |"
  }

  static let all =
    words + declarations + keys + projections + syntax + effects + state + remembering + reads + commands + destinations
    + sources + rules + times

  static let times: [FirstMistake] = [
    .init(
      "`schedule` with `at = \"08:00\"`", "schedule \"report\" { at = \"08:00\", emit = \"ReportDue\" }",
      "script.lua:1: schedule \"report\" has no key \"at\"\n"
        + "  write cron = \"30 2 * * *\" for every day at 02:30, or every = \"15m\""),
    .init(
      "a function in a schedule", "schedule \"report\" { every = \"1h\", run = function() end, emit = \"ReportDue\" }",
      "script.lua:1: schedule \"report\" has no key \"run\"\n"
        + "  write emit = \"DayClosed\": a consumer hears it and does the rest"),
    .init(
      "`cron` with seconds", "schedule \"report\" { cron = \"0 30 2 * * *\", emit = \"ReportDue\" }",
      "script.lua:1: cron: \"0 30 2 * * *\" has 6 fields, not five: minute, hour, day, month, weekday\n"
        + "  leave out the seconds: cron counts minutes"),
    .init(
      "`zone = \"Berlin\"`",
      "schedule \"report\" { cron = \"@daily\", zone = \"Berlin\", emit = \"ReportDue\" }",
      "script.lua:1: zone is \"Berlin\"; the name of a time zone is wanted\n  did you mean \"Europe/Berlin\"?"),
    .init(
      "`time.now()`", "consumer \"c\" { on = { A = function(event) emit(\"B\", { at = time.now() }) end } }",
      "script.lua:1: there is no word \"time.now\"\n  write now()"),
  ]

  static let sources: [FirstMistake] = [
    .init(
      "`source` without `verify`",
      "source \"psp\" {\n  http = \"psp\", event = function(request) end }",
      "script.lua:2: source \"psp\" does not say how requests are verified\n  write verify = { scheme = "
        + "\"standard-webhooks\", secret = env \"PSP_HOOK\" }; verify = false takes whatever comes"),
    .init(
      "`verify = { secret = \"s3cr3t\" }`",
      "source \"psp\" { http = \"psp\", event = function(request) end,\n"
        + "  verify = { scheme = \"hmac\", header = \"x-sig\", secret = \"s3cr3t\" } }",
      "script.lua:2: verify.secret is a secret that is written out\n"
        + "  secrets come from the daemon's environment: write secret = env \"PSP_HOOK\""),
    .init(
      "`http = \"/in/psp\"`", "source \"psp\" { http = \"/in/psp\", verify = false, event = function(request) end }",
      "script.lua:1: http is \"/in/psp\"; the last part of an address is wanted\n"
        + "  write http = \"psp\": requests come to /in/psp"),
    .init(
      "`on = …` in a source",
      "source \"psp\" { http = \"psp\", verify = false, on = {}, event = function(request) end }",
      "script.lua:1: source \"psp\" has no key \"on\"\n"
        + "  write event = function(request) return { type = …, subject = …, id = …, data = … } end"),
    .init(
      "`postgres` without `table`", "source \"shop\" { postgres = env \"SHOP_DB\" }",
      "script.lua:1: source \"shop\" has no table\n  write table = \"outbox\""),
  ]

  static let destinations: [FirstMistake] = [
    .init(
      "`destination \"warehouse\" { on = … }`", "destination \"warehouse\" {\n  http = env \"URL\",\n  on = {},\n}",
      "script.lua:3: destination \"warehouse\" has no key \"on\"\n"
        + "  a destination hears what scripts publish to it: publish(\"warehouse\", …) in a handler"),
    .init(
      "a destination without a place", "destination \"warehouse\" { timeout = \"5s\" }",
      "script.lua:1: destination \"warehouse\" says no place\n"
        + "  write http = env \"WAREHOUSE_URL\", nats = …, postgres = … or file = \"name.ndjson\""),
    .init(
      "`sign = \"s3cret\"`", "destination \"warehouse\" {\n  http = env \"URL\",\n  sign = \"s3cret\",\n}",
      "script.lua:3: sign is a secret that is written out\n"
        + "  secrets come from the daemon's environment: write sign = env \"WAREHOUSE_SECRET\""),
    .init(
      "`authorization = \"Bearer abc\"`",
      "destination \"psp\" {\n  http = env \"URL\",\n  headers = { authorization = \"Bearer abc\" },\n}",
      "script.lua:3: headers.authorization is a secret that is written out\n"
        + "  secrets come from the daemon's environment: write authorization = \"Bearer {env:TOKEN}\""),
    .init(
      "`http = \"warehouse.example\"`", "destination \"warehouse\" { http = \"warehouse.example\" }",
      "script.lua:1: http is \"warehouse.example\"; a URL is wanted\n"
        + "  write http = \"https://…\" or http = env \"WAREHOUSE_URL\""),
    .init(
      "`each = \"endpoint\"`, a name that is nearly right",
      "projection \"endpoints\" { on = { A = function() end } }\ndestination \"hooks\" {\n  http = \"{url}\", each = \"endpoint\",\n}",
      "script.lua:3: destination \"hooks\" is for each document of \"endpoint\", and there is no such projection\n"
        + "  did you mean \"endpoints\"?"),
    .init(
      "`subject` beside `http`", "destination \"warehouse\" {\n  http = env \"URL\",\n  subject = \"a\",\n}",
      "script.lua:3: subject does not go with http\n  http takes method, headers, sign, each"),
    .init(
      "`file = \"/tmp/out\"`", "destination \"warehouse\" { file = \"/tmp/out\" }",
      "script.lua:1: file is /tmp/out; the name of a file without a folder is wanted\n"
        + "  write file = \"orders.ndjson\": it is made in the data folder, in outbox/"),
  ]

  static let reads: [FirstMistake] = [
    .init(
      "`reads = { \"recent order\" }`, a name that is nearly right",
      "projection \"recent orders\" { on = { A = function() end } }\nconsumer \"x\" {\n  reads = { \"recent order\" },\n"
        + "  on = { A = function() end } }",
      "script.lua:3: consumer \"x\" reads \"recent order\", and there is no projection or aggregate of this name\n  did you mean \"recent orders\"?"
    ),
    .init(
      "`reads = { \"stock\" }`, which nobody declares",
      "consumer \"x\" {\n  reads = { \"stock\" },\n  on = { A = function() end } }",
      "script.lua:2: consumer \"x\" reads \"stock\", and there is no projection or aggregate of this name\n  write projection \"stock\" { on = { … } }"
    ),
    .init(
      "`reads = \"stock\"`", "consumer \"x\" {\n  reads = \"stock\",\n  on = { A = function() end } }",
      "script.lua:2: reads is text; a list of names is wanted\n  write reads = { \"stock\" }"),
    .init(
      "`reads = { stock = true }`", "consumer \"x\" {\n  reads = { stock = true },\n  on = { A = function() end } }",
      "script.lua:2: reads is a list; \"stock\" is a name in it\n  write reads = { \"stock\" }"),
    .init(
      "a projection and an aggregate of one name",
      "projection \"account\" { on = { A = function() end } }\naggregate \"account\" { commands = { C = function() end } }",
      "script.lua:2: there is a projection \"account\" too: script.lua:1\n  what can be read and viewed has a name of its own"
    ),
  ]

  static let words: [FirstMistake] = [
    .init(
      "`on(\"OrderPlaced\", …)`", "on(\"OrderPlaced\", function(event) end)",
      "script.lua:1: there is no word \"on\"\n  write consumer \"name\" { on = { … } }"),
    .init(
      "`function OrderPlaced(event)` alone in a file", "function OrderPlaced(event)\nend",
      "script.lua: declares nothing\n  a handler belongs to a consumer: write consumer \"name\" { on = { OrderPlaced = function(event) … end } }"
    ),
    .init(
      "an empty file", "-- soon\n",
      "script.lua: declares nothing\n  a handler belongs to a consumer: write consumer \"name\" { on = { … } }"),
    .init(
      "`emitt(…)`", "consumer \"x\" { on = { A = function(event)\n  emitt(\"B\")\nend } }",
      "script.lua:2: there is no word \"emitt\"\n  did you mean emit?"),
    .init(
      "`saga \"orders\" { … }`, a word of another language", "saga \"orders\" { }",
      "script.lua:1: there is no word \"saga\""),
    .init(
      "`OrderPlaced = function() … event.data`",
      "consumer \"x\" { on = { OrderPlaced = function()\n  emit(\"A\", event.data)\nend } }",
      "script.lua:2: there is no word \"event\"\n  the event is the parameter: function(event) … end"),
    .init(
      "`event.price`", "consumer \"x\" { on = { OrderPaid = function(event)\n  emit(\"A\", { event.price })\nend } }",
      "script.lua:2: an event has no field \"price\": did you mean event.data.price?", isWarning: true),
    .init(
      "`os.time()`", "consumer \"x\" { on = { A = function(event) log.info(os.time()) end } }",
      "script.lua:1: there is no word \"os\"\n  no clock here: now() gives the time of the call in milliseconds"),
    .init(
      "`io.open(…)`", "consumer \"x\" { on = { A = function(event) io.open(\"a\") end } }",
      "script.lua:1: there is no word \"io\"\n  scripts do no I/O: declare a destination, and publish to it"
    ),
    .init(
      "`require \"socket.http\"`", "local http = require \"socket.http\"",
      "script.lua:1: there is no module \"socket.http\"\n  scripts do no I/O: declare a destination, and publish to it"
    ),
    .init(
      "`require \"money\"`", "local money = require \"money\"",
      "script.lua:1: there is no module \"money\"\n  modules lie in lib/: write require \"lib.money\"",
      files: [("lib/money.lua", "return {}")]),
    .init(
      "`require \"lib.mony\"`", "local money = require \"lib.mony\"",
      "script.lua:1: there is no file lib/mony.lua\n  did you mean lib.money?", files: [("lib/money.lua", "return {}")]),
    .init(
      "`await`, `ask` in a consumer",
      "consumer \"x\" { on = { A = function(event) local ok = ask(\"B\") end } }",
      "script.lua:1: a consumer cannot wait\n  use a process, or hear the event that brings the answer"),
    .init(
      "`json.parse(text)`", "consumer \"x\" { on = { A = function(event) emit(\"B\", json.parse(\"1\")) end } }",
      "script.lua:1: there is no word \"json.parse\"\n  write json.decode(text)"),
    .init(
      "`log = 1`", "log = 1\nconsumer \"x\" { on = { A = function() end } }",
      "script.lua:1: \"log\" is a word and cannot be changed\n  choose another name, or make it a local: local log = …"),
  ]

  static let declarations: [FirstMistake] = [
    .init(
      "`consumer \"hello\"` without a body", "consumer \"hello\"",
      "script.lua:1: consumer \"hello\" has no body\n  write consumer \"hello\" { on = { … } }"),
    .init(
      "`consumer { … }` without a name", "consumer { on = { A = function() end } }",
      "script.lua:1: a consumer has a name\n  write consumer \"name\" { on = { … } }"),
    .init(
      "two consumers with one name",
      "consumer \"x\" { on = { A = function() end } }\nconsumer \"x\" { on = { B = function() end } }",
      "script.lua:2: there is another consumer \"x\": script.lua:1\n  each has a name of its own"),
    .init(
      "event types beside `on`", "consumer \"x\" {\n  OrderPlaced = function(event) end,\n}",
      "script.lua:2: consumer \"x\" has no key \"OrderPlaced\"\n  event types go into on = { OrderPlaced = function(event) … end }"
    ),
    .init(
      "`retries = 3`", "consumer \"x\" { retries = 3,\n  on = { A = function() end } }",
      "script.lua:1: consumer \"x\" has no key \"retries\"\n  write retry = { attempts = 3 }"),
    .init(
      "`exhuasted = \"skip\"`", "consumer \"x\" {\n  exhuasted = \"skip\",\n  on = { A = function() end } }",
      "script.lua:2: consumer \"x\" has no key \"exhuasted\"\n  did you mean exhausted?"),
    .init(
      "`consumer \"x\" { retry = … }` without `on`", "consumer \"x\" { retry = false }",
      "script.lua:1: consumer \"x\" hears nothing\n  write on = { OrderPlaced = function(event) … end }"),
    .init(
      "`on = { \"OrderPlaced\" }`", "consumer \"x\" { on = { \"OrderPlaced\" } }",
      "script.lua:1: on has an entry without an event type\n  write on = { OrderPlaced = function(event) … end }"),
    .init(
      "`OrderPlaced = handle()`, which gives nil or text",
      "local function handle() return \"x\" end\nconsumer \"x\" { on = {\n  OrderPlaced = handle() } }",
      "script.lua:3: on.OrderPlaced is text; a function is wanted\n  write OrderPlaced = function(event) … end"),
    .init(
      "`[\"*Placed\"]`, `[\"Order Placed\"]`", "consumer \"x\" { on = {\n  [\"*Placed\"] = function(event) end } }",
      "script.lua:2: \"*Placed\" is no event type\n  a type has letters, digits, \".\", \"_\" and \"-\"; a \"*\" may stand at the end only"
    ),
    .init(
      "`retry = 3`", "consumer \"x\" { retry = 3, on = { A = function() end } }",
      "script.lua:1: retry is a number; a table or false is wanted\n  write retry = { attempts = 3 }"),
    .init(
      "`first = 200`", "consumer \"x\" {\n  retry = { first = 200 },\n  on = { A = function() end } }",
      "script.lua:2: retry.first is a number; a span is wanted\n  a span is text with a unit: \"200ms\""),
    .init(
      "`from = \"begin\"`", "consumer \"x\" { from = \"begin\", on = { A = function() end } }",
      "script.lua:1: from is \"begin\"\n  write from = \"now\", \"start\", a position such as 813, or a time such as \"2026-01-31T12:00:00Z\""
    ),
    .init(
      "`key = \"order\"`", "consumer \"x\" { key = \"order\", on = { A = function() end } }",
      "script.lua:1: key is \"order\", which is no field of an event\n  did you mean \"data.order\"? a path is a field, or begins with \"data.\" or \"ext.\""
    ),
  ]

  static let keys: [FirstMistake] = [
    .init(
      "a type in `key` that `on` does not have",
      "consumer \"x\" {\n  key = { OrderPlacd = \"data.order\" },\n  on = { OrderPlaced = function() end } }",
      "script.lua:2: key has \"OrderPlacd\", which x does not hear\n  did you mean OrderPlaced?"),
    .init(
      "`key = { \"data.order\" }`", "consumer \"x\" { key = { \"data.order\" }, on = { A = function() end } }",
      "script.lua:1: \"1\" in key is no event type\n"
        + "  a type has letters, digits, \".\", \"_\" and \"-\"; a \"*\" may stand at the end only"),
  ]

  static let projections: [FirstMistake] = [
    .init(
      "`emit`, `now`, `log` in a projection, at load",
      "projection \"x\" { initial = { at = now() }, on = { A = function() end } }",
      "script.lua:1: now works in a handler, not while the file loads\n  a script only declares; effects are made in a handler"
    ),
    .init(
      "`projection \"orders\"` without a body", "projection \"orders\"",
      "script.lua:1: projection \"orders\" has no body\n  write projection \"orders\" { on = { … } }"),
    .init(
      "two projections with one name",
      "projection \"x\" { on = { A = function() end } }\nprojection \"x\" { on = { B = function() end } }",
      "script.lua:2: there is another projection \"x\": script.lua:1\n  each has a name of its own"),
    .init(
      "event types beside a projection's `on`", "projection \"x\" {\n  OrderPlaced = function(order) end,\n}",
      "script.lua:2: projection \"x\" has no key \"OrderPlaced\"\n  event types go into on = { OrderPlaced = function(document, event) … end }"
    ),
    .init(
      "`from = \"start\"` in a projection",
      "projection \"x\" {\n  from = \"start\",\n  on = { A = function() end } }",
      "script.lua:2: projection \"x\" has no key \"from\"\n  a projection is folded from the start of the log: leave from out"
    ),
    .init(
      "`retry = …` in a projection", "projection \"x\" {\n  retry = false,\n  on = { A = function() end } }",
      "script.lua:2: projection \"x\" has no key \"retry\"\n  a fold that fails keeps its key as it was until the next deploy: leave retry out"
    ),
    .init(
      "`intial = …`", "projection \"x\" {\n  intial = {},\n  on = { A = function() end } }",
      "script.lua:2: projection \"x\" has no key \"intial\"\n  did you mean initial?"),
    .init(
      "`initial = 0`", "projection \"x\" { initial = 0, on = { A = function() end } }",
      "script.lua:1: initial is a number; a table is wanted\n  write initial = { count = 0 }"),
    .init(
      "`index = \"status\"`", "projection \"x\" {\n  index = \"status\",\n  on = { A = function() end } }",
      "script.lua:2: index is text; a list of fields is wanted\n  write index = { \"status\", \"address.city\" }"),
    .init(
      "`index = { status = true }`", "projection \"x\" { index = { status = true }, on = { A = function() end } }",
      "script.lua:1: index is a list; \"status\" is a name in it\n  write index = { \"status\", \"address.city\" }"),
    .init(
      "`index = { \"a..b\" }`", "projection \"x\" { index = { \"a..b\" }, on = { A = function() end } }",
      "script.lua:1: index has \"a..b\", which is no field of a document\n  write index = { \"status\", \"address.city\" }"
    ),
    .init(
      "`index = { \"key\" }`", "projection \"x\" { index = { \"key\" }, on = { A = function() end } }",
      "script.lua:1: index has \"key\", which every document has beside its fields\n  give the field another name"),
    .init(
      "`function(event)` in a projection",
      "projection \"x\" { on = {\n  A = function(event) local n = event.data.n end } }",
      "script.lua:2: event.data looks at the document, which comes first in a projection: function(document, event)",
      isWarning: true),
    .init(
      "a file's local assigned in a projection",
      "local count = 0\nprojection \"x\" { on = { A = function()\n  count = count + 1\nend } }",
      "script.lua:3: \"count\" belongs to the file and would be lost\n  what a projection remembers is its document"),
  ]

  static let syntax: [FirstMistake] = [
    .init(
      "no comma after `end` in a table",
      "consumer \"x\" { on = {\n  A = function(event)\n  end\n  B = function(event)\n  end,\n} }",
      "script.lua:3: '}' expected (to close '{' at line 1) near 'B'\n  is a comma missing after the \"end\"?"),
    .init(
      "`order.placed = function`", "consumer \"x\" { on = {\n  order.placed = function(event) end,\n} }",
      "script.lua:2: '}' expected (to close '{' at line 1) near '='\n  write [\"order.placed\"] = function"),
    .init(
      "`Payment* = function`", "consumer \"x\" { on = {\n  Payment* = function(event) end,\n} }",
      "script.lua:2: unexpected symbol near '='\n  write [\"Payment*\"] = function"),
    .init(
      "`order-placed = function`", "consumer \"x\" { on = {\n  order-placed = function(event) end,\n} }",
      "script.lua:2: '}' expected (to close '{' at line 1) near '='\n  write [\"order-placed\"] = function"),
    .init(
      "`!=`", "consumer \"x\" { on = { A = function(event)\n  if event.data.n != 1 then emit(\"B\") end\nend } }",
      "script.lua:2: 'then' expected near '!'\n  \"not equal\" is written ~="),
    .init(
      "`+=`", "consumer \"x\" { on = { A = function(event)\n  local n = 0\n  n += event.data.n\nend } }",
      "script.lua:3: syntax error near '+'\n  write n = n + event.data.n"),
    .init(
      "`n++`", "consumer \"x\" { on = { A = function(event)\n  local n = 0\n  n++\nend } }",
      "script.lua:3: syntax error near '+'\n  write n = n + 1"),
    .init(
      "`if n = 1 then`",
      "consumer \"x\" { on = { A = function(event)\n  if event.data.n = 1 then emit(\"B\") end\nend } }",
      "script.lua:2: 'then' expected near '='\n  \"equal\" is written =="),
    .init(
      "`&&`",
      "consumer \"x\" { on = { A = function(event)\n  if event.data.a && event.data.b then emit(\"B\") end\nend } }",
      "script.lua:2: unexpected symbol near '&'\n  \"and\" is written and"),
    .init(
      "a missing `end`",
      "consumer \"x\" { on = { A = function(event)\n  if event.data.n then\n    emit(\"B\")\nend } }",
      "script.lua:4: unexpected symbol near '}'\n  an \"end\" is missing before the \"}\""),
    .init(
      "a missing `}`", "consumer \"x\" {\n  on = { A = function() end }\n",
      "script.lua:3: '}' expected (to close '{' at line 1) near <eof>\n  the \"{\" of line 1 needs a \"}\""),
    .init(
      "`function OrderPlaced(event)` in a table", "consumer \"x\" { on = {\n  function OrderPlaced(event) end,\n} }",
      "script.lua:2: '(' expected near 'OrderPlaced'\n  in a table write OrderPlaced = function"),
    .init(
      "`on: { … }`", "consumer \"x\" {\n  on: { A = function() end },\n}",
      "script.lua:2: <name> expected near '{'\n  a key is followed by =: write on = {"),
  ]

  static let effects: [FirstMistake] = [
    .init(
      "`emit` at top level", "emit(\"A\", {})",
      "script.lua:1: emit works in a handler, not while the file loads\n  a script only declares; effects are made in a handler"
    ),
    .init(
      "`print` at top level", "print(\"loaded\")",
      "script.lua:1: print works in a handler, not while the file loads\n  a script only declares; effects are made in a handler"
    ),
    .init(
      "a type nobody names", "consumer \"x\" { on = {\n  OrderPlacd = function(event) emit(\"Done\") end } }",
      "script.lua:2: x hears \"OrderPlacd\", which nobody makes: did you mean OrderPlaced?", isWarning: true,
      files: [("other.lua", "consumer \"y\" { on = { OrderPlaced = function() end } }")]),
    .init(
      "the same key twice", "consumer \"x\" { on = {\n  A = function() end,\n  A = function() end } }",
      "script.lua:3: \"A\" stands here and in line 2: Lua keeps the last", isWarning: true),
  ]
}
