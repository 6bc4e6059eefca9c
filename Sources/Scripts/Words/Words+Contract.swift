extension Words {
  static let contracts: [Word] = [
    Word(
      "contract", .declaring, "Says what the data of an event look like, and makes older events like it.",
      parameters: [.init("type", "string", "The event type.")], body: contract)
  ]

  static let contract = Shape(
    name: "ContractBody",
    keys: [
      .init(
        "schema", "table|string",
        "The members of the data and their types: `string number integer boolean object array any`, the forms "
          + "`time date uuid email uri`, a choice `\"placed|paid\"`, a list `{ \"string\" }`, a table for a nested "
          + "object; a name that ends in `?` may be missing. Checked at the door and at `emit`."),
      .init("version", "integer", "Of the shape; default 1. Events carry the version they were checked against."),
      .init(
        "upcast", "table<integer, fun(data: any): any>",
        "For each older version a function that makes its data those of the next version."),
    ])
}
