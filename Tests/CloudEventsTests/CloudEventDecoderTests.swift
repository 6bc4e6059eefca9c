import Testing

@testable import Events

struct `A CloudEvent on its way in` {
  let door = Door()

  @Test func `keeps every attribute and the bytes of its data`() throws {
    let data = #"{ "price" : 1.10, "big":123456789012345678901234567890, "a":"é\u00e9" }"#
    let batch = try door.decode(
      #"{"specversion":"1.0","id":"e1","source":"/shop","type":"OrderPlaced","subject":"order-1","#
        + #""time":"2026-07-01T09:30:00.5+02:00","datacontenttype":"application/json","traceparent":"00-ab-cd-01","#
        + #""dataschema":"urn:x","myext":"v","count":-42,"flag":true,"nothing":null,"data":"# + data + "}")
    let entry = batch.entry(0)
    defer { withExtendedLifetime(batch) {} }
    #expect(batch.count == 1)
    #expect(entry.type.text == "OrderPlaced")
    #expect(entry.subject.text == "order-1")
    #expect(entry.data.text == data)
    #expect(entry.dataEncoding == .json)
    #expect(
      entry.attributeTexts == [
        "id": "e1", "source": "/shop", "time": "2026-07-01T09:30:00.5+02:00", "datacontenttype": "application/json",
        "traceparent": "00-ab-cd-01", "dataschema": "urn:x", "myext": "v", "count": "-42", "flag": "true",
      ])
    #expect(EntryView.isValid(entry.whole))
    let hash = StableHash(seed: 42)
    #expect(batch.infos[0].typeHash == hash("OrderPlaced"))
    #expect(batch.infos[0].subjectHash == hash("order-1"))
    #expect(batch.infos[0].identityHash != 0)
  }

  @Test func `needs no more than specversion and type`() throws {
    let batch = try door.decode(#"{"specversion":"1.0","type":"Tick"}"#)
    #expect(batch.with { $0.dataEncoding } == .none)
    #expect(batch.with { $0.subject.isEmpty })
    #expect(batch.with { $0.attributes.bytes.isEmpty })
    #expect(batch.infos[0].identityHash == 0)
  }

  @Test func `text is unescaped, and equal identities hash alike however they are written`() throws {
    let plain = try door.decode(#"{"specversion":"1.0","type":"T","subject":"é/\"","id":"a","source":"b"}"#)
    let escaped = try door.decode(
      #"{"specversion":"1.0","type":"\u0054","subject":"\u00e9\/\u0022","id":"\u0061","source":"b"}"#)
    #expect(escaped.with { $0.subject.text } == "é/\"")
    #expect(plain.infos[0].identityHash == escaped.infos[0].identityHash)
    #expect(plain.infos[0].subjectHash == escaped.infos[0].subjectHash)
    #expect(plain.with { plain in escaped.with { plain.isSameEvent(as: $0) } })
  }

  @Test(arguments: [
    (#"{"type":"T"}"#, "specversion is missing"), (#"{"specversion":"0.3","type":"T"}"#, "\"1.0\""),
    (#"{"specversion":1.0,"type":"T"}"#, "specversion must be a string"),
    (#"{"specversion":"1.0"}"#, "type is missing"), (#"{"specversion":"1.0","type":null}"#, "type is missing"),
    (#"{"specversion":"1.0","type":""}"#, "type is 1 to 128"),
    (#"{"specversion":"1.0","type":"a b"}"#, "type is 1 to 128"),
    (#"{"specversion":"1.0","type":7}"#, "type must be a string"),
    (#"{"specversion":"1.0","type":"moondance.deploy"}"#, "moondance."),
    (#"{"specversion":"1.0","type":"T","subject":"a\u0000b"}"#, "subject"),
    (#"{"specversion":"1.0","type":"T","subject":"a\u0085b"}"#, "subject"),
    (#"{"specversion":"1.0","type":"T","id":"x"}"#, "id is given without source"),
    (#"{"specversion":"1.0","type":"T","id":"","source":"s"}"#, "id is empty"),
    (#"{"specversion":"1.0","type":"T","source":""}"#, "source is empty"),
    (#"{"specversion":"1.0","type":"T","source":"a\nb"}"#, "source contains a control character"),
    (#"{"specversion":"1.0","type":"T","time":"yesterday"}"#, "RFC 3339"),
    (#"{"specversion":"1.0","type":"T","datacontenttype":"json"}"#, "media type"),
    (#"{"specversion":"1.0","type":"T","data":1,"data_base64":"AA=="}"#, "both"),
    (#"{"specversion":"1.0","type":"T","data_base64":"AA"}"#, "base64"),
    (#"{"specversion":"1.0","type":"T","data_base64":"AB=="}"#, "base64"),
    (#"{"specversion":"1.0","type":"T","datacontenttype":"text/plain","data":{}}"#, "must be a string"),
    (#"{"specversion":"1.0","type":"T","MyExt":"x"}"#, "\"MyExt\" is not the name"),
    (#"{"specversion":"1.0","type":"T","my_ext":"x"}"#, "\"my_ext\" is not the name"),
    (#"{"specversion":"1.0","type":"T","":"x"}"#, "is not the name"),
    (#"{"specversion":"1.0","type":"T","ext":1.5}"#, "whole number"),
    (#"{"specversion":"1.0","type":"T","ext":99999999999999999999}"#, "whole number"),
    (#"{"specversion":"1.0","type":"T","ext":{}}"#, "what has a structure goes into data"),
    (#"{"specversion":"1.0","type":"T","ext":"a\u0007"}"#, "ext contains a control character"),
    (#"{"specversion":"1.0","type":"T","traceparent":1}"#, "traceparent must be a string"),
  ])
  func `is refused with a sentence`(document: String, words: String) throws {
    let error = try #require(door.refusal(document))
    #expect(error.code == .invalid)
    #expect(error.message.contains(words), "\(error.message)")
  }

  @Test func `a name that cannot be shown is not shown`() throws {
    let error = try #require(door.refusal(#"{"specversion":"1.0","type":"T","a\u001b[31m":"x"}"#))
    #expect(error.message.contains("\"a?[31m\""))
  }

  @Test func `an event of one mebibyte is taken, one byte more is not`() throws {
    func event(_ size: Int) -> String {
      let frame = #"{"specversion":"1.0","type":"T","data":""}"#
      return frame.replacing("\"\"}", with: "\"" + String(repeating: "x", count: size - frame.utf8.count) + "\"}")
    }
    #expect(try door.decode(event(1 << 20)).count == 1)
    #expect(door.refusal(event((1 << 20) + 1))?.code == .tooLarge)
    let headers = [("specversion", "1.0"), ("type", "T")]
    let body = [UInt8](repeating: 1, count: 1 << 20)
    #expect(try door.decode(headers: headers, type: "image/png", body: body).with { $0.data.count } == 1 << 20)
    #expect(throws: CloudEventError.self) { try door.decode(headers: headers, type: "image/png", body: body + [1]) }
  }

  @Test func `data that are not JSON become bytes`() throws {
    let text = try door.decode(
      #"{"specversion":"1.0","type":"T","datacontenttype":"text/plain; charset=utf-8","data":"a\u00e9\n"}"#)
    #expect(text.with { $0.dataEncoding } == .binary)
    #expect(text.with { $0.data.text } == "aé\n")
    let bytes = try door.decode(#"{"specversion":"1.0","type":"T","datacontenttype":"image/png","data_base64":"AAH/"}"#)
    #expect(bytes.with { Array($0.data) } == [0, 1, 255])
    let json = try door.decode(
      #"{"specversion":"1.0","type":"T","datacontenttype":"application/problem+json","data":[1]}"#)
    #expect(json.with { $0.dataEncoding } == .json)
  }

  @Test func `a batch is all or nothing and says which event is wrong`() throws {
    let good = #"{"specversion":"1.0","type":"T","data":1}"#
    #expect(try door.decode(batch: "[\(good), \(good) ]").count == 2)
    #expect(try door.decode(batch: " [ ] ").count == 0)
    for (text, index) in [
      ("[\(good),\(good),{\"type\":\"T\"}]", 2), ("[\(good),]", 1), ("[\(good)", 1), ("[\(good)] x", 1),
      ("[\(good) \(good)]", 1),
      ("[7]", 0), ("{}", 0), ("[\(good),7]", 1),
    ] {
      let batch = door.newBatch()
      let error = try #require(throws: CloudEventError.self, "\(text)") {
        try Array(text.utf8).withUnsafeBytes { try door.decoder.decode(batch: $0, into: batch) }
      }
      #expect(error.index == index, "\(text): \(error)")
      #expect(batch.count == 0 && batch.bytes.count == 0)
    }
  }

  @Test func `binary mode makes the same entry as structured mode`() throws {
    let binary = try door.decode(
      headers: [("specversion", "1.0"), ("type", "T"), ("id", "1"), ("source", "/s"), ("myext", "v\"w")],
      type: "application/json", body: Array(" {\"a\": 1}\n".utf8))
    let structured = try door.decode(
      #"{"specversion":"1.0","type":"T","id":"1","source":"/s","myext":"v\"w","#
        + #""datacontenttype":"application/json","data":{"a": 1}}"#
    )
    #expect(binary.with { Array($0.whole) } == structured.with { Array($0.whole) })
    #expect(binary.infos[0].identityHash == structured.infos[0].identityHash)
  }

  @Test(
    arguments: [
      ([("type", "T")], "specversion"), ([("specversion", "1.0"), ("type", "T"), ("type", "U")], "twice"),
      ([("specversion", "1.0"), ("type", "T"), ("data", "1")], "ce-data"),
      ([("specversion", "1.0"), ("type", "T"), ("datacontenttype", "a/b")], "ce-datacontenttype"),
      ([("specversion", "1.0"), ("type", "T"), ("id", "1")], "without source"),
    ] as [([(String, String)], String)])
  func `binary mode refuses with the same sentences`(headers: [(String, String)], words: String) throws {
    let error = try #require(throws: CloudEventError.self) {
      try door.decode(headers: headers, type: nil, body: [0x31])
    }
    #expect(error.message.contains(words), "\(error.message)")
    #expect(error.offset == nil)
  }

  @Test func `a body cannot smuggle attributes in`() throws {
    let headers = [("specversion", "1.0"), ("type", "T")]
    for body in [#"1,"subject":"x""#, #"{}},{"#, "1 2", "1}"] {
      let error = try #require(throws: CloudEventError.self) {
        try door.decode(headers: headers, type: "application/json", body: Array(body.utf8))
      }
      #expect(error.code == .malformed)
    }
  }

  @Test func `a position given by the sender is not kept`() throws {
    let batch = try door.decode(#"{"specversion":"1.0","type":"T","position":{"any":1},"causationid":"5"}"#)
    #expect(batch.with { $0.attributeTexts } == ["causationid": "5"])
  }

  @Test func `a refused event leaves the batch as it was`() throws {
    let batch = try door.decode(#"{"specversion":"1.0","type":"T","data":1}"#)
    let before = Array(batch.bytes.bytes)
    for bad in [#"{"specversion":"1.0","type":"T","ok":"x","bad":[]}"#, "{", #"{"type":"T"}"#] {
      #expect(throws: CloudEventError.self) {
        try Array(bad.utf8).withUnsafeBytes { try door.decoder.decode($0, into: batch) }
      }
    }
    #expect(batch.count == 1 && Array(batch.bytes.bytes) == before)
  }
}
