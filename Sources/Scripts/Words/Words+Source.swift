extension Words {
  static let sources: [Word] = [
    Word(
      "source", .declaring,
      "Declares where events come in from: requests of others, or a table of PostgreSQL.",
      parameters: [
        .init("name", "string", "Its name for good: it is the `source` of its events, by which repeats are known.")
      ],
      body: source)
  ]

  static let source = Shape(
    name: "SourceBody",
    keys: [
      .init("http", "string", "The last part of the address that requests come to: `\"psp\"` is `POST /in/psp`."),
      .init(
        "verify", "Verify|false",
        "Of `http`: how a request shows that it comes from whom it should; `false` takes whatever comes.",
        shape: verify),
      .init(
        "event", "fun(request: IncomingRequest): SourceEvent|SourceEvent[]|nil",
        "Of `http`: which event a request is; a list of several, or nil for none. It sees the request and nothing else."
      ),
      .init("postgres", "string", "A connection string of PostgreSQL: `env \"SHOP_DB\"`."),
      .init("table", "string", "Of `postgres`: the table whose rows are events, `\"outbox\"`."),
      .init("every", "Span", "Of `postgres`: how often it is looked for rows that nobody told of; default `\"1s\"`."),
      .init("batch", "integer", "Of `postgres`: rows that are taken at once, default 500."),
      .init(
        "done", "\"delete\"|\"mark\"",
        "Of `postgres`: what becomes of rows that are durable here: deleted (default), or marked in `done_at`."),
      .init(
        "columns", "table<string, string>",
        "Of `postgres`: names of columns that are called otherwise, `{ type = \"event_type\" }`."),
    ])

  static let verify = Shape(
    name: "Verify",
    keys: [
      .init("scheme", "\"standard-webhooks\"|\"hmac\"|\"token\"", "", isRequired: true),
      .init(
        "secret", "string|string[]", "`env \"PSP_HOOK\"`, or a list of several of which each is enough.",
        isRequired: true),
      .init("header", "string", "Of `hmac` and `token`: where the MAC or the token stands."),
      .init("algorithm", "\"sha256\"|\"sha512\"|\"sha1\"", "Of `hmac`; default `\"sha256\"`."),
      .init("prefix", "string", "Of `hmac` and `token`: what stands before it in the header, `\"sha256=\"`."),
      .init("encoding", "\"hex\"|\"base64\"", "Of `hmac`; default `\"hex\"`."),
    ])

  static let incomingRequest = Shape(
    name: "IncomingRequest",
    keys: [
      .init("method", "string", "`\"POST\"`.", isRequired: true),
      .init("path", "string", "`\"/in/psp\"`.", isRequired: true),
      .init("query", "table<string, string>", "", isRequired: true),
      .init("headers", "table<string, string>", "Names in small letters.", isRequired: true),
      .init("body", "any", "The decoded JSON; text when the content type is another; nil when there is none."),
      .init("raw", "string", "The bytes of the body as they came.", isRequired: true),
    ])

  static let sourceEvent = Shape(
    name: "SourceEvent",
    keys: [
      .init("type", "string", "What has happened.", isRequired: true),
      .init("subject", "string", "What it is about."),
      .init("id", "string|integer", "By it a request that comes again is known again.", isRequired: true),
      .init("time", "string|integer", "When it happened: RFC 3339, or milliseconds since 1970."),
      .init("data", "any", "A JSON value; default `{}`."),
    ])
}
