import Events
import Testing

@testable import Scripts

@Suite("Contracts")
struct ContractTests {
  static let order = """
    contract "OrderPlaced" {
      schema = {
        items = { { sku = "string", qty = "integer" } }, price = "number", status = "placed|paid", at = "time",
        ["note?"] = "string", ["tags?"] = { "string" }, ["address?"] = { city = "string", ["zip?"] = "string" },
      },
    }
    """
  static let whole = #"{"items":[{"sku":"a","qty":2}],"price":9.5,"status":"paid","at":"2026-01-31T12:00:00Z"}"#

  private func contracts(_ source: String) throws -> ContractSet {
    try Generation.load([SourceFile(path: "c.lua", text: source)]).get().contracts
  }

  private func refusal(_ data: String, by source: String = order, type: String = "OrderPlaced") throws -> String? {
    let event = TestEvent(type, "order-1", data: data)
    do {
      try contracts(source).check(event.batch)
      return nil
    } catch let refusal as ContractSet.Refusal {
      return refusal.violation.description
    }
  }

  @Test(arguments: [
    whole,
    #"{ "at" : "2026-01-31T12:00:00+02:00" , "price" : -1e3, "items":[], "status":"placed", "note":null, "more":{"x":[1]}}"#,
    #"{"items":[{"qty":2.0,"sku":"\u0061"}],"price":9,"st\u0061tus":"p\u0061id","at":"2026-01-31t12:00:00z","tags":["a","b"],"address":{"city":"Berlin"}}"#,
  ])
  func `data that keep to the schema pass, whatever else they have`(data: String) throws {
    #expect(try refusal(data) == nil)
  }

  @Test(arguments: [
    (#""text""#, "data is text; an object is wanted"),
    ("null", "data is null; an object is wanted"),
    (#"{"items":[],"price":1,"status":"paid"}"#, "data.at is missing; a time (RFC 3339, with an offset) is wanted"),
    (whole.replacing("9.5", with: #""9.5""#), "data.price is text; a number is wanted"),
    (whole.replacing(#""qty":2"#, with: #""qty":2.5"#), "data.items[0].qty is 2.5; a whole number is wanted"),
    (
      whole.replacing(#"{"sku":"a","qty":2}"#, with: #"{"sku":"a","qty":2},{"sku":7}"#),
      "data.items[1].sku is a number; text is wanted"
    ),
    (whole.replacing(#"[{"sku":"a","qty":2}]"#, with: "{}"), "data.items is an object; an array is wanted"),
    (whole.replacing("paid", with: "lost"), #"data.status is "lost"; one of "placed", "paid" is wanted"#),
    (
      whole.replacing("2026-01-31", with: "2026-02-31"),
      #"data.at is "2026-02-31T12:00:00Z"; a time (RFC 3339, with an offset) is wanted"#
    ),
    (whole.replacing("}]", with: #"}],"tags":[1]"#), "data.tags[0] is a number; text is wanted"),
    (whole.replacing("}]", with: #"}],"address":{"zip":"1"}"#), "data.address.city is missing; text is wanted"),
  ])
  func `data that do not are refused with the path`(data: String, says: String) throws {
    #expect(try refusal(data) == says)
  }

  @Test(arguments: [
    ("date", "2024-02-29", "2023-02-29"),
    ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"),
    ("email", "a@b", "a b@c"), ("uri", "https://x.example/a?b", "no scheme"), ("time", "2026-01-01T00:00:00Z", "noon"),
  ])
  func `text of a form is checked`(form: String, good: String, bad: String) throws {
    let source = "contract \"T\" { schema = { x = \"\(form)\" } }"
    #expect(try refusal("{\"x\":\"\(good)\"}", by: source, type: "T") == nil)
    #expect(try refusal("{\"x\":\"\(bad)\"}", by: source, type: "T")?.hasPrefix("data.x is \"\(bad)\"; a") == true)
  }

  @Test func `an accepted event carries the version of its contract`() throws {
    let event = TestEvent("A", "s", data: "{}")
    try contracts(
      "contract \"A\" { version = 3, upcast = { [1] = function(d) return d end, [2] = function(d) return d end } }"
    )
    .check(event.batch)
    #expect(event.view.contractVersion == 3)
    let other = TestEvent("B", "s", data: "{}")
    try contracts("contract \"A\" { }").check(other.batch)
    #expect(other.view.contractVersion == 0)
  }

  @Test func `emit keeps to the contract, and an empty table is the array that it wants`() throws {
    let stage = try Stage([
      (
        "c.lua", #"contract "Out" { schema = { list = { "string" }, nested = { { tags = "array" } }, n = "integer" } }"#
      ),
      (
        "h.lua",
        """
        consumer "c" { on = {
          Good = function(event) emit("Out", { list = {}, nested = { { tags = {} } }, n = 1 }) end,
          Bad = function(event) emit("Out", { list = { "a", 2 }, nested = {}, n = 1 }) end,
        } }
        """
      ),
    ])
    #expect(stage.handle(TestEvent("Good", "s")).emits == [#"Out s {"list":[],"n":1,"nested":[{"tags":[]}]}"#])
    #expect(stage.lastEffects.entry(0).contractVersion == 1)
    let bad = stage.handle(TestEvent("Bad", "s"))
    #expect(bad.emits == [])
    #expect(
      bad.failures == ["h.lua:3: emit(\"Out\"): data.list[2] is a number; text is wanted\n  the contract is in c.lua:1"]
    )
  }

  @Test func `older events are read as the newest version, by handlers, keys and states`() throws {
    let stage = try Stage([
      (
        "c.lua",
        """
        contract "Order" { version = 3, upcast = {
          [1] = function(data) data.currency = "EUR" return data end,
          [2] = function(data) return { total = data.price, currency = data.currency, who = data.customer } end,
        } }
        """
      ),
      (
        "h.lua",
        """
        consumer "c" { key = "data.who", state = { sum = 0 }, on = { Order = function(event, state)
          state.sum = state.sum + event.data.total
          emit("Seen", { total = event.data.total, currency = event.data.currency, sum = state.sum }, { subject = event.key })
        end } }
        """
      ),
    ])
    let old = TestEvent("Order", "o", data: #"{"price":5,"customer":"ann"}"#)
    #expect(stage.handle(old).emits == [#"Seen ann {"currency":"EUR","sum":5,"total":5}"#])
    let second = TestEvent("Order", "o", data: #"{"price":5,"currency":"CHF","customer":"bob"}"#)
    second.batch.setContractVersion(2, ofEntry: 0)
    #expect(stage.handle(second).emits == [#"Seen bob {"currency":"CHF","sum":5,"total":5}"#])
    let new = TestEvent("Order", "o", data: #"{"total":7,"currency":"USD","who":"ann"}"#)
    new.batch.setContractVersion(3, ofEntry: 0)
    #expect(stage.handle(new).emits == [#"Seen ann {"currency":"USD","sum":12,"total":7}"#])
  }

  @Test func `an upcast that fails fails the unit and says where`() throws {
    let stage = try Stage([
      ("c.lua", "contract \"A\" { version = 2, upcast = { [1] = function(data)\n  return data.x.y\nend } }"),
      ("h.lua", "consumer \"c\" { on = { A = function(event) emit(\"B\", event.data) end } }"),
    ])
    #expect(stage.handle(TestEvent("A", "s", data: "{}")).failures.first?.hasPrefix("c.lua:2: ") == true)
  }

  @Test(arguments: [
    (
      "contract \"A\" { schema = { n = \"integr\" } }",
      "c.lua:1: schema.n is \"integr\", which is no type\n  did you mean integer?"
    ),
    ("contract \"A\" { shema = {} }", "c.lua:1: contract \"A\" has no key \"shema\"\n  did you mean schema?"),
    ("contract \"A B\" { }", "c.lua:1: \"A B\" is no event type\n  a contract is named after the events it is for"),
    ("contract \"moondance.x\" { }", "c.lua:1: events of \"moondance.x\" are the host's\n  leave this contract out"),
    (
      "contract \"A\" { version = 2 }",
      "c.lua:1: version is 2, but upcast has no [1]\n  write upcast = { [1] = function(data) … return data end }: events of version 1 may be in the log"
    ),
    (
      "contract \"A\" { personal = { \"name\" } }",
      "c.lua:1: personal is not there yet\n  the word is kept for a later version: leave it out"
    ),
    (
      "contract \"A\" { schema = { x = { \"string\", \"number\" } } }",
      "c.lua:1: schema.x is a list of several types\n  a list has one type for all its elements: { \"string\" } or { { sku = \"string\" } }"
    ),
    (
      "contract \"A\" {}\ncontract \"A\" {}",
      "c.lua:2: there is another contract \"A\": c.lua:1\n  an event type has one contract"
    ),
    (
      "contract \"A\"",
      "c.lua:1: contract \"A\" has no body\n  write contract \"A\" { schema = { price = \"number\" } }"
    ),
  ])
  func `what is wrong in a contract is told at load`(source: String, says: String) {
    #expect(Generation.errors([("c.lua", source)]) == [says])
  }
}
