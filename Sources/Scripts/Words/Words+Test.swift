/// The words of tests: files that end in `_test.lua`.
extension Words {
  static let test = Word(
    "test", .declaring, "A test of the scripts beside it: `moondance test` plays it under every schedule.",
    parameters: [
      .init("name", "string", "What is promised."),
      .init("body", "fun(t: Test)", "What happens, and what is expected."),
    ])

  static let stage = Shape(
    name: "Test",
    keys: [
      .init(
        "given", "fun(self: Test, type: string, subject: string, data?: table)",
        "An event that was there before; what comes of it is not looked at.", isRequired: true),
      .init(
        "when", "fun(self: Test, type: string, subject: string, data?: table)", "An event from outside.",
        isRequired: true),
      .init(
        "send", "fun(self: Test, command: string, subject: string, data?: table)", "A command from outside.",
        isRequired: true),
      .init(
        "expect", "fun(self: Test, type: string, subject?: string, data?: table)",
        "The scripts have made such an event, with at least these members.", isRequired: true),
      .init(
        "never", "fun(self: Test, type: string, subject?: string, data?: table)",
        "The scripts have made no such event.", isRequired: true),
      .init(
        "rejects", "fun(self: Test, text?: string)",
        "A command was rejected for a reason that contains the text; each `rejects` speaks of another command.",
        isRequired: true),
      .init(
        "fails", "fun(self: Test, text?: string)", "A handler fails with a message that contains the text.",
        isRequired: true),
      .init(
        "view", "fun(self: Test, name: string, key: string, document?: table)",
        "The document of a projection has at least these members; nil: there is none.", isRequired: true),
      .init(
        "published", "fun(self: Test, destination: string, key?: string, body?: any)",
        "The scripts have published such a message, with at least these members; each `published` speaks of another one.",
        isRequired: true),
      .init(
        "answer", "fun(self: Test, destination: string, ...: table)",
        "What the far side answers from now on to the first attempt of a message, to the second, and so on; the last one "
          + "stays: `{ status = 503 }`, `{ status = 201, body = { … } }`, `{ error = \"no connection\" }`. Without it "
          + "everything is taken, and requests get `{ status = 200 }`.", isRequired: true),
      .init(
        "advance", "fun(self: Test, span: Span)", "The clock goes on, and what is due on the way happens.",
        isRequired: true),
      .init(
        "at", "fun(self: Test, time: string)",
        "The clock goes on to a time (RFC 3339); tests begin on 2026-01-05 at 09:00 UTC.",
        isRequired: true),
    ])
}
