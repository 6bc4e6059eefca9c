import Testing

@testable import Events

struct `A small object from outside` {
  private func object(_ json: String) throws -> JSONObject {
    try Array(json.utf8).withUnsafeBytes { try JSONObject($0) }
  }

  @Test func `is taken apart, without escapes, in its order`() throws {
    let json = #" {"a\u0062":"x\ny","n":-1.50e3,"t":true,"f":false,"z":null,"l":[1, "a"],"o":{"p":1}} "#
    let object = try object(json)
    #expect(object.members.map(\.name) == ["ab", "n", "t", "f", "z", "l", "o"])
    #expect(object["ab"] == .string("x\ny"))
    #expect(object["n"] == .number("-1.50e3"))
    #expect(object["t"] == .boolean(true) && object["f"] == .boolean(false) && object["z"] == .null)
    #expect(object["l"] == .array(Array(#"[1, "a"]"#.utf8)))
    #expect(object["o"] == .object(Array(#"{"p":1}"#.utf8)))
    #expect(object["nothing"] == nil)
    #expect(try self.object("{}").members.isEmpty)
  }

  @Test(arguments: ["id", "source", "time", "type", "subject", "data", "data_base64", "position", "reply"])
  func `the names of an event's attributes mean nothing special`(name: String) throws {
    #expect(try object("{\"\(name)\":\"a\\u00e9\\\\\"}")[name] == .string("aé\\"))
    #expect(try object("{\"\(name)\":[\"a\"]}")[name] == .array(Array("[\"a\"]".utf8)))
    #expect(try object("{\"\(name)\":\"\"}")[name] == .string(""))
  }

  @Test func `two spellings of one character are two names`() throws {
    let object = try object("{\"\u{E9}\":1,\"e\u{301}\":2}")
    #expect(object["\u{E9}"] == .number("1") && object["e\u{301}"] == .number("2"))
  }

  @Test(arguments: [
    ("", "there is no JSON"), ("[]", "the body is a JSON object"), ("1", "the body is a JSON object"),
    (#"{"a":1,"a":2}"#, "given twice"), (#"{"a":1,"\u0061":2}"#, "given twice"), (#"{"a":1,}"#, "nothing after it"),
    (#"{"a":1} {}"#, "follows after the end"), ("\u{FEFF}{}", "byte order mark"), (#"{"a":01}"#, "not a number"),
    ("{\"a\":\(String(repeating: "[", count: 65))\(String(repeating: "]", count: 65))}", "deeper than 64"),
  ])
  func `what is no object is told with its place`(json: String, words: String) throws {
    let error = #expect(throws: CloudEventError.self) { try object(json) }
    #expect(error?.code == .malformed && error?.offset != nil)
    #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
  }
}
