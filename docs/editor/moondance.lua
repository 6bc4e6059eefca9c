---@meta moondance
-- Completion for the words of Moondance. Made from the word table of the daemon; a test compares the two.
-- Point the Lua language server at this folder: "Lua.workspace.library": ["…/docs/editor"].

---@alias Span string A span of time: digits and a unit (ms s m h d w), "15m".
---@alias Zone string A time zone of the IANA database: "Europe/Berlin", or "UTC".
---@alias Key "subject"|string|fun(event: Event): string|integer|(string|integer)[]|nil
---@class Removal What `remove()` gives.
---@class RuleTypes What `any` and `all` give.

---@class Event
---@field id string As its producer gave it; an event made here has its position as text.
---@field type string
---@field subject string? What it is about.
---@field source string Who produced it; the log's own name for an event made here.
---@field time integer When it happened as its producer says: milliseconds since 1970 UTC.
---@field recorded integer When it was committed: milliseconds since 1970 UTC.
---@field position integer Its place in the log: 1, 2, 3 …
---@field data any The decoded JSON; the bytes as a string when they are of another content type.
---@field ext table<string, string|integer|boolean> Its other attributes by name.
---@field cause integer? The position of the event that caused it.
---@field correlation string The same for all events of one story.
---@field key string The key for which this call is made; the subject unless `key` says otherwise.

---@class Retry
---@field attempts? integer Calls in all; default 8.
---@field first? Span The first wait; default `"200ms"`.
---@field factor? number What each wait is multiplied with to give the next; default 2.
---@field cap? Span The longest wait; default `"5m"`.
---@field jitter? number The share of a wait that is left to chance, 0 to 1; default 0.2.

---@class EmitOptions
---@field subject? string Default: the subject of the event that is handled.

---@class ConsumerBody
---@field on table<string, fun(event: Event, state: table)> A function for each event type, or for all that begin with a text: `["Payment*"]`. The exact type goes first, then the longest beginning; exactly one function runs.
---@field state? table What it remembers of each key: the handlers get a copy as their second argument, and what they change is saved with what else they do.
---@field version? integer Of the state's shape; default 1. Raise it with an `upgrade`.
---@field upgrade? table<integer, fun(state: table): table> For each older version a function that makes its state one of the next version.
---@field reads? string[] The projections and aggregates that its handlers `read`.
---@field key? Key|table<string, Key> What is kept in order, and waits together when a call fails: `"subject"` (default), a path like `"data.order"`, a function, or a table with one of these per type.
---@field from? "now"|"start"|integer|string Where it begins when the log does not know it yet: `"now"` (default), `"start"`, a position, or a time.
---@field retry? Retry|false How often and when a failed call is made again; `false`: never.
---@field exhausted? "block"|"skip" After the last attempt the events behind it wait for an operator (`"block"`, default) or go on (`"skip"`).

---@class RuleBody
---@field when string|RuleTypes The event that it is about: a type, `any { … }` or `all { … }`. Beginnings like `"Payment*"` too, but not in `all`.
---@field where? fun(event: Event): boolean? Which of the `when` events count.
---@field unless? string|RuleTypes The event that must not follow within `within`: a type or `any { … }`. One that is in `when` too begins anew.
---@field within? Span How long the events may take, counted from the commit of the first one.
---@field count? integer So many `when` events make it fire, within any span of `within` if there is one.
---@field of? integer …among so many of the last `when` events, whether `where` holds for them or not.
---@field again? boolean|"cleared" `true`: it may fire for a key again; `"cleared"`: once the count has fallen below `count`. Default: once for each key.
---@field emit? string The event that it emits, on its key.
---@field after? Span The event of `emit` comes so much later.
---@field otherwise? string The event that it emits when the time is over.
---@field cleared? string The event that it emits when the count has fallen.
---@field send? string The command that it sends, to its key or to `to`.
---@field publish? string The destination that it publishes to: the event's data, what was heard by type, or `data`.
---@field to? string|fun(heard: table): string The subject of the command, or the target of a destination that has one for each document.
---@field data? fun(heard: table<string, Event>): table The data of what it makes, given what was heard: an event for each type, with `count` a list of them. Default: the data of what was heard, by type.
---@field key? Key|table<string, Key> What goes together: `"subject"` (default), a path like `"data.order"`, a function, or a table with one of these per type.
---@field from? "now"|"start"|integer|string Where it begins when the log does not know it yet: `"now"` (default), `"start"`, a position, or a time.
---@field retry? Retry|false How often and when a failed call is made again; `false`: never.
---@field exhausted? "block"|"skip" After the last attempt the events behind it wait for an operator (`"block"`, default) or go on (`"skip"`).

---@class SendOptions
---@field to? string The subject; default: that of the event that is handled.

---@class TimerOptions
---@field id? string|integer Its name, for this consumer and key: a pending one of the same name is replaced, and `cancel` finds it.
---@field subject? string Of the event; default: the subject of the event that is handled.

---@class AggregateBody
---@field initial? table What the state of every subject begins with; default `{}`.
---@field events? table<string, fun(state: table, event: Event): table?> How each event of the subject changes the state, whoever emitted it. Patterns as in `on`.
---@field commands table<string, fun(state: table, command: Event)> How each command is decided: it emits, or it rejects. The state is read-only here.
---@field retry? Retry|false How often and when a failed call is made again; `false`: never.
---@field exhausted? "block"|"skip" After the last attempt the commands behind it wait for an operator (`"block"`, default) or go on (`"skip"`).

---@class ProjectionBody
---@field on table<string, fun(document: table, event: Event): table|Removal|nil> A function for each event type, as in a consumer. It changes the document that it is given; what it returns replaces it.
---@field key? Key|table<string, Key> Whose document an event changes: `"subject"` (default), a path, a function, or a table with one of these per type. Several keys: several documents.
---@field initial? table What the document of a new key begins with; default: nothing.
---@field index? string[] Fields of the document, `"status"` or `"address.city"`, that become indexed columns of the view.

---@class ProcessBody
---@field starts string|string[] The events that begin an instance, for a key that has none.
---@field run fun(event: Event) What an instance does, from its beginning to its end. It is given the event that started it.
---@field hears? string|table<integer|string, string> The events that it may `await`. An entry with a name, `CardUpdated = "data.customer"`, is heard when it is about the subject that the event which started the instance has there.
---@field aborts? string|string[] Events at which an instance rolls back where it waits next.
---@field key? Key|table<string, Key> Which instance an event is for: `"subject"` (default), a path, a function, or a table with one of these per type.
---@field reads? string[] The projections and aggregates that `run` may `read`.
---@field from? "now"|"start"|integer|string Where it begins when the log does not know it yet.
---@field retry? Retry|false How often and when a failed step is made again; `false`: never.
---@field exhausted? "block"|"skip" After the last attempt the events behind it wait for an operator (`"block"`, default) or go on (`"skip"`).

---@class Await
---@field all? string[] In place of the list: one of each of these.
---@field within? Span How long; default: for as long as it takes. `"0s"`: only what is there already.

---@class Verify
---@field scheme "standard-webhooks"|"hmac"|"token"
---@field secret string|string[] `env "PSP_HOOK"`, or a list of several of which each is enough.
---@field header? string Of `hmac` and `token`: where the MAC or the token stands.
---@field algorithm? "sha256"|"sha512"|"sha1" Of `hmac`; default `"sha256"`.
---@field prefix? string Of `hmac` and `token`: what stands before it in the header, `"sha256="`.
---@field encoding? "hex"|"base64" Of `hmac`; default `"hex"`.

---@class IncomingRequest
---@field method string `"POST"`.
---@field path string `"/in/psp"`.
---@field query table<string, string>
---@field headers table<string, string> Names in small letters.
---@field body? any The decoded JSON; text when the content type is another; nil when there is none.
---@field raw string The bytes of the body as they came.

---@class SourceEvent
---@field type string What has happened.
---@field subject? string What it is about.
---@field id string|integer By it a request that comes again is known again.
---@field time? string|integer When it happened: RFC 3339, or milliseconds since 1970.
---@field data? any A JSON value; default `{}`.

---@class SourceBody
---@field http? string The last part of the address that requests come to: `"psp"` is `POST /in/psp`.
---@field verify? Verify|false Of `http`: how a request shows that it comes from whom it should; `false` takes whatever comes.
---@field event? fun(request: IncomingRequest): SourceEvent|SourceEvent[]|nil Of `http`: which event a request is; a list of several, or nil for none. It sees the request and nothing else.
---@field postgres? string A connection string of PostgreSQL: `env "SHOP_DB"`.
---@field table? string Of `postgres`: the table whose rows are events, `"outbox"`.
---@field every? Span Of `postgres`: how often it is looked for rows that nobody told of; default `"1s"`.
---@field batch? integer Of `postgres`: rows that are taken at once, default 500.
---@field done? "delete"|"mark" Of `postgres`: what becomes of rows that are durable here: deleted (default), or marked in `done_at`.
---@field columns? table<string, string> Of `postgres`: names of columns that are called otherwise, `{ type = "event_type" }`.

---@class ScheduleBody
---@field cron? string When: minute, hour, day, month, weekday, `"30 2 * * mon-fri"`; or `"@daily"` and the like.
---@field zone? Zone Of `cron`: where clocks show that time; default: UTC.
---@field every? Span In place of `cron`: at each whole multiple of a span since 1970, `"15m"`.
---@field emit? string The type of the event that is made.
---@field send? string In place of `emit`: the command that is sent.
---@field to? string Of `send`: the subject.
---@field subject? string Of `emit`: the subject; default: the schedule's name.
---@field data? any A JSON value; default `{}`.
---@field missed? "once"|"skip"|"all" What becomes of times that have passed while the host was away: the last one is made up for (`"once"`, default), none, or all.

---@class TimeParts
---@field year integer
---@field month integer 1 to 12.
---@field day integer 1 to 31.
---@field hour integer
---@field minute integer
---@field second integer
---@field millisecond integer
---@field weekday integer 1 for Monday to 7 for Sunday.
---@field yearday integer 1 to 366.
---@field offset integer How far the clocks are ahead of UTC, in milliseconds.

---@class TimeAddOptions
---@field zone? Zone Whose calendar days, months and years go by; default: UTC.
---@field day? integer With months and years: the day of the month that is meant, 1 to 31; the last one of a shorter month. Default: the day of `t`.

---@class Test
---@field given fun(self: Test, type: string, subject: string, data?: table) An event that was there before; what comes of it is not looked at.
---@field when fun(self: Test, type: string, subject: string, data?: table) An event from outside.
---@field send fun(self: Test, command: string, subject: string, data?: table) A command from outside.
---@field expect fun(self: Test, type: string, subject?: string, data?: table) The scripts have made such an event, with at least these members.
---@field never fun(self: Test, type: string, subject?: string, data?: table) The scripts have made no such event.
---@field rejects fun(self: Test, text?: string) A command was rejected for a reason that contains the text; each `rejects` speaks of another command.
---@field fails fun(self: Test, text?: string) A handler fails with a message that contains the text.
---@field view fun(self: Test, name: string, key: string, document?: table) The document of a projection has at least these members; nil: there is none.
---@field published fun(self: Test, destination: string, key?: string, body?: any) The scripts have published such a message, with at least these members; each `published` speaks of another one.
---@field answer fun(self: Test, destination: string, ...: table) What the far side answers from now on to the first attempt of a message, to the second, and so on; the last one stays: `{ status = 503 }`, `{ status = 201, body = { … } }`, `{ error = "no connection" }`. Without it everything is taken, and requests get `{ status = 200 }`.
---@field advance fun(self: Test, span: Span) The clock goes on, and what is due on the way happens.
---@field at fun(self: Test, time: string) The clock goes on to a time (RFC 3339); tests begin on 2026-01-05 at 09:00 UTC.

---@class loglib
log = {}

---@class jsonlib
json = {}

---@class timelib
time = {}

---Declares who hears which events and what is done then.
---@param name string Its name for good: what it has heard and what waits is kept under it.
---@overload fun(name: string, body: ConsumerBody)
---@return fun(body: ConsumerBody) declare
function consumer(name) end

---Declares documents that are folded from events, one for each key.
---@param name string Its name for good: its documents are found under it.
---@overload fun(name: string, body: ProjectionBody)
---@return fun(body: ProjectionBody) declare
function projection(name) end

---Gives what the module `lib/….lua` returns; it runs once and is read-only afterwards.
---@param module string `"lib.money"` for `lib/money.lua`.
---@return any
function require(module) end

---Declares what follows from events: what must come together, in which time, and what is done then.
---@param name string Its name for good: what it has heard and what waits is kept under it.
---@overload fun(name: string, body: RuleBody)
---@return fun(body: RuleBody) declare
function rule(name) end

---Several event types, any of which counts, for `when` and `unless` of a rule.
---@param types string[]
---@return RuleTypes
function any(types) end

---Several event types, all of which must come, for `when` of a rule.
---@param types string[]
---@return RuleTypes
function all(types) end

---Declares who decides commands, on a state made of the events of their subject.
---@param name string Its name for good: what it has decided and what waits is kept under it.
---@overload fun(name: string, body: AggregateBody)
---@return fun(body: AggregateBody) declare
function aggregate(name) end

---Says what the data of an event look like, and makes older events like it.
---@param type string The event type.
---@overload fun(name: string, body: ContractBody)
---@return fun(body: ContractBody) declare
function contract(type) end

---Declares where messages go: a web hook, NATS, a table of PostgreSQL, a file.
---@param name string Its name for good: what it has delivered and what waits is kept under it.
---@overload fun(name: string, body: DestinationBody)
---@return fun(body: DestinationBody) declare
function destination(name) end

---Stands for a variable of the daemon's environment, in a destination or a source. The value is looked up each time it is needed, and is never stored or shown.
---@param name string
---@return string
function env(name) end

---Declares where events come in from: requests of others, or a table of PostgreSQL.
---@param name string Its name for good: it is the `source` of its events, by which repeats are known.
---@overload fun(name: string, body: SourceBody)
---@return fun(body: SourceBody) declare
function source(name) end

---Declares an event or a command that the host makes when a time has come, again and again.
---@param name string Its name for good: when it was made last is kept under it.
---@overload fun(name: string, body: ScheduleBody)
---@return fun(body: ScheduleBody) declare
function schedule(name) end

---Appends an event: a fact. It counts when the handler returns, and not when it fails.
---@param type string ASCII letters, digits, `.`, `_` and `-`.
---@param data? any A JSON value.
---@param options? EmitOptions
function emit(type, data, options) end

---Gives up without another try: the event becomes a dead letter.
---@param message string What an operator will read.
---@return never
function fail(message) end

---The document of a key in a projection, or the state of a subject in an aggregate, that `reads` names, folded from every event up to the one that is handled and no later one; nil when there is no document. The same whenever it is asked.
---@param name string One of `reads`.
---@param key string|integer Whose document or state.
---@return table?
function read(name, key) end

---Writes a line for developers.
---@param ... any
function log.debug(...) end

---Writes a line.
---@param ... any
function log.info(...) end

---Writes a line about something odd.
---@param ... any
function log.warn(...) end

---Writes a line about something wrong.
---@param ... any
function log.error(...) end

---The same as `log.info`.
---@param ... any
function print(...) end

---The time of this call: whole milliseconds since 1970 UTC, the same in the whole call.
---@return integer
function now() end

---As Lua's `math.random`, but the same numbers when the same event is handled again.
---@param low? integer
---@param high? integer
---@return number
function random(low, high) end

---A random UUID, the same when the same event is handled again.
---@return string
function uuid() end

---Sends a command to the one aggregate that owns it. It counts when the handler returns.
---@param command string As the aggregate's `commands` name it.
---@param data? any A JSON value.
---@param options? SendOptions
function send(command, data, options) end

---Refuses the command: nothing happens, and the sender is told why. Only in a command.
---@param reason string What the sender will read.
---@return never
function reject(reason) end

---Sends a message to a destination. It goes out when the handler has returned and all it did is durable, at least once, in order for its key, with the same id at every attempt.
---@param destination string
---@param body? any A JSON value.
---@param options? PublishOptions
function publish(destination, body, options) end

---Makes an HTTP request and gets the answer, or why there is none, as an event. The call goes out as a message does: at least once, with the same `Idempotency-Key`.
---@param destination string One with `http`.
---@param request Request
---@param options RequestOptions
function request(destination, request, options) end

---Appends an event later: when the span has passed since the time of this call. It is pending from the commit on and outlives restarts; what falls due while the host is down comes at the next start, once, in order.
---@param span Span
---@param type string As in `emit`.
---@param data? any A JSON value.
---@param options? TimerOptions
function after(span, type, data, options) end

---As `after`, at a moment; one that has passed is due at once.
---@param time integer|string Milliseconds since 1970 UTC, or text: `"2026-03-01T09:00:00+01:00"`.
---@param type string As in `emit`.
---@param data? any A JSON value.
---@param options? TimerOptions
function at(time, type, data, options) end

---Takes back what `after` or `at` have set under this id, for the same key. Nothing happens when it is not pending: it has come, or never was.
---@param id string|integer
function cancel(id) end

---Declares what is done step by step, with waits in between, for each event that starts it.
---@param name string Its name for good: its instances and what waits for them are kept under it.
---@overload fun(name: string, body: ProcessBody)
---@return fun(body: ProcessBody) declare
function process(name) end

---Sends a command to its owner and waits for what it decides: the list of events that came of it, perhaps an empty one, or `nil, reason`. It waits for as long as it takes; a command that an operator discards is `nil, "discarded"`.
---@param command string As the aggregate's `commands` name it.
---@param data? any A JSON value.
---@param options? SendOptions
---@return Event[]?, string?
function ask(command, data, options) end

---Waits for an event of one of these types, which `hears` names, and gives it; also one that came before it was awaited. With `all` for one of each, and gives a table of them by type. When the time is over: `nil, "timeout"`.
---@param types string|Await
---@return Event?, string?
function await(types) end

---Waits for a span of time.
---@param span Span
---@return boolean
function sleep(span) end

---Says how what was done is taken back: a rollback calls it, the last first. It may ask, request and await.
---@param take_back fun()
function compensate(take_back) end

---Takes back what was done, emits an event about it and ends the instance. It never returns.
---@param reason string
---@param type? string Of the event; default: none is emitted.
---@param data? any Of the event; default `{ reason = reason }`.
---@return never
function rollback(reason, type, data) end

---Ends the history of the instance and begins a new one, with these data in place of those of the event that started it: for instances that go on for ever. It never returns.
---@param data? any A JSON value; default `{}`.
---@return never
function restart(data) end

---`return remove()` in a projection deletes the document.
---@return Removal
function remove() end

---The JSON text of a value.
---@param value any
---@return string
function json.encode(value) end

---The value of a JSON text; an error if it is none.
---@param text string
---@return any
function json.decode(text) end

---JSON's null, for writing and inside arrays.
---@type userdata
null = nil

---Marks a table as a list, so that it is one in JSON even when it is empty.
---@param list? table
---@return table
function array(list) end

---The first key and value of a table in the fixed order; nil when it is empty.
---@param table table
---@return any
function next(table) end

---The time that a text says: RFC 3339, or a date; an error if it is none.
---@param text string `"2026-01-31T12:00:00Z"`, `"2026-01-31"`.
---@param zone? Zone Where clocks show it, when the text says no offset.
---@return integer
function time.parse(text, zone) end

---The RFC 3339 text of a time.
---@param t integer Milliseconds since 1970 UTC.
---@param zone? Zone Default: UTC.
---@return string
function time.text(t, zone) end

---What calendar and clock show at a time.
---@param t integer Milliseconds since 1970 UTC.
---@param zone? Zone Default: UTC.
---@return TimeParts
function time.parts(t, zone) end

---A time so much later, or earlier. Hours and less are what passes; days, weeks, months and years go by the calendar of the zone and keep the time of day.
---@param t integer Milliseconds since 1970 UTC.
---@param span string `"90m"`, `"-2d"`, `"1mo"`: digits and a unit (ms s m h d w mo y).
---@param options? TimeAddOptions
---@return integer
function time.add(t, span, options) end

---How many days the date of `b` is after that of `a`.
---@param a integer
---@param b integer
---@param zone? Zone Where the dates are those of the calendar; default: UTC.
---@return integer
function time.days(a, b, zone) end

---The first time after `t` at which clocks show a time of day.
---@param when string `"08:00"`, or a cron expression: `"0 8 * * mon-fri"`.
---@param zone? Zone Default: UTC.
---@param t? integer Default: `now()`, where there is one.
---@return integer
function time.next(when, zone, t) end

---A test of the scripts beside it: `moondance test` plays it under every schedule.
---@param name string What is promised.
---@param body fun(t: Test) What happens, and what is expected.
function test(name, body) end
