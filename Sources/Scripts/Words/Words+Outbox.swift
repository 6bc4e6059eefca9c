extension Words {
  static let destinations: [Word] = [
    Word(
      "destination", .declaring, "Declares where messages go: a web hook, NATS, a table of PostgreSQL, a file.",
      parameters: [
        .init("name", "string", "Its name for good: what it has delivered and what waits is kept under it.")
      ],
      body: destination),
    Word(
      "env", .declaring,
      "Stands for a variable of the daemon's environment, in a destination or a source. The value is looked up each time "
        + "it is needed, and is never stored or shown.",
      parameters: [.init("name", "string", "")], result: "string"),
  ]

  static let messages: [Word] = [
    Word(
      "publish", .handling,
      "Sends a message to a destination. It goes out when the handler has returned and all it did is durable, at least "
        + "once, in order for its key, with the same id at every attempt.",
      parameters: [
        .init("destination", "string", ""), .init("body", "any", "A JSON value.", isOptional: true),
        .init("options", "PublishOptions", "", isOptional: true),
      ]),
    Word(
      "request", .handling,
      "Makes an HTTP request and gets the answer, or why there is none, as an event. The call goes out as a message "
        + "does: at least once, with the same `Idempotency-Key`.",
      parameters: [
        .init("destination", "string", "One with `http`."), .init("request", "Request", ""),
        .init("options", "RequestOptions", ""),
      ]),
  ]

  static let destination = Shape(
    name: "DestinationBody",
    keys: [
      .init("http", "string", "A URL; POSTs each message. `env \"NAME\"`, or text with `{…}` places."),
      .init("nats", "string", "The URL of a NATS server."),
      .init("postgres", "string", "A connection string of PostgreSQL: `env \"SHOP_DB\"`."),
      .init("file", "string", "A file in the data folder's `outbox/`, one line of JSON for each message."),
      .init("subject", "string", "Of `nats`: the subject, such as `\"orders.{type}\"`."),
      .init(
        "stream", "boolean", "Of `nats`: into a JetStream, which acknowledges and drops duplicates; default false."),
      .init("table", "string", "Of `postgres`: the table that messages are inserted into, once each by their id."),
      .init("method", "string", "Of `http`: default `\"POST\"`."),
      .init("headers", "table<string, string>", "Of `http`: further headers. Secrets through `{env:NAME}` only."),
      .init("sign", "string", "Of `http`: the secret of the Standard Webhooks signature: `env \"WAREHOUSE_SECRET\"`."),
      .init(
        "body", "\"json\"|\"cloudevent\"", "What goes out: what the script gives (default), or a CloudEvent with it."),
      .init("timeout", "Span", "The longest that an attempt may take; default `\"10s\"`."),
      .init("concurrency", "integer", "Attempts at once, each of another key; default 16 (`http`), 128 or 256."),
      .init(
        "each", "string",
        "Of `http`: a projection whose documents are its targets. `{field}` in `http` and `headers` is the document's, "
          + "and `publish` says which one: `{ to = key }`."),
      retried("attempt"), exhausted("messages"),
    ])

  static let publishOptions = Shape(
    name: "PublishOptions",
    keys: [
      .init("key", "string", "Messages of one key are delivered in order; default: the subject of the event."),
      .init("to", "string", "Of a destination with `each`: the key of the document that is the target."),
      .init("headers", "table<string, string>", "Further headers of this message."),
    ])

  static let request = Shape(
    name: "Request",
    keys: [
      .init("method", "string", "Default: that of the destination."),
      .init("path", "string", "Goes behind the destination's URL: `\"/charges\"`."),
      .init("query", "table<string, string>", ""),
      .init("headers", "table<string, string>", ""),
      .init("body", "any", "A JSON value."),
      .init("form", "table<string, string>", "In place of `body`: a form."),
      .init("to", "string", "Of a destination with `each`: the key of the document that is the target."),
      .init("within", "Span", "Give up after this long; default: when `retry` gives up."),
      .init("key", "string", "The `Idempotency-Key`; default: one of its own."),
    ])

  static let requestOptions = Shape(
    name: "RequestOptions",
    keys: [
      .init(
        "reply", "string",
        "The type of the event that the answer becomes: `{ status, headers, body }`, or `{ error }` when there is none."
      )
    ])
}
