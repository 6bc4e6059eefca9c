/// The words of projections.
extension Words {
  static let documents: [Word] = [
    Word(
      "remove", .projecting, "`return remove()` in a projection deletes the document.", result: "Removal")
  ]

  static let projection = Shape(
    name: "ProjectionBody",
    keys: [
      .init(
        "on", "table<string, fun(document: table, event: Event): table|Removal|nil>",
        "A function for each event type, as in a consumer. It changes the document that it is given; what it returns "
          + "replaces it.", isRequired: true),
      .init(
        "key", "Key|table<string, Key>",
        "Whose document an event changes: `\"subject\"` (default), a path, a function, or a table with one of these per "
          + "type. Several keys: several documents."),
      .init("initial", "table", "What the document of a new key begins with; default: nothing."),
      .init(
        "index", "string[]",
        "Fields of the document, `\"status\"` or `\"address.city\"`, that become indexed columns of the view."),
    ])
}
