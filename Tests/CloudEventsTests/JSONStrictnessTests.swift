import Testing

@testable import Events

struct `JSON that the door takes` {
  let door = Door()

  @Test func `agrees with the model on every short text`() {
    let alphabet = Array("{}[]\",:1-.e0\\u tn\n".utf8)
    var text: [UInt8] = []
    var checked = 0
    func extend() {
      if !text.isEmpty {
        checked += 1
        let expected = StrictJSON.isValue(text)
        // An empty body, or nothing but space, is an event without data in binary mode.
        if door.takes(data: text) != expected {
          Issue.record("differs from the model on \(String(decoding: text, as: UTF8.self).debugDescription)")
        }
      }
      if text.count == 4 { return }
      for letter in alphabet {
        text.append(letter)
        extend()
        text.removeLast()
      }
    }
    extend()
    #expect(checked == 18 + 18 * 18 + 18 * 18 * 18 + 18 * 18 * 18 * 18)
  }

  @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
  func `agrees with the model on damaged documents`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let pieces: [[UInt8]] =
      [
        "\\", "\"", "\\u", "\\ud83d", "\\ude00", "{", "}", "[", "]", ",", ":", "0", "-", "1e5", "\u{0}", "\u{7f}", " ",
        "\n", "é", "😀", "true", "nul", "\u{c}", "\u{1a}",
      ].map { Array($0.utf8) } + [[0xFF], [0xC3], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xEF, 0xBB, 0xBF]]
    for round in 0..<4000 {
      var document = randomJSON(&random, depth: 0)
      for _ in 0..<random.below(3) {
        let at = random.below(document.count + 1)
        if Bool.random(using: &random) || at == document.count {
          document.insert(contentsOf: random.pick(pieces), at: at)
        } else {
          document.remove(at: at)
        }
      }
      if document.isEmpty { continue }
      #expect(
        door.takes(data: document) == StrictJSON.isValue(document),
        "seed \(seed), round \(round): \(String(decoding: document, as: UTF8.self).debugDescription)")
    }
  }

  @Test func `every cut of a document is refused`() {
    let document = Array(#"{"specversion":"1.0","type":"T","data":{"a":[1,{"b":"\u00e9\n"}],"c":"ä"},"x":12}"#.utf8)
    #expect(door.refusal(document) == nil)
    for length in 0..<document.count {
      #expect(door.refusal(Array(document[..<length]))?.code == .malformed, "cut at \(length)")
    }
  }

  @Test(arguments: [
    ("", 0, "no JSON"), ("  \n ", 0, "no JSON"),
    ("\u{feff}{}", 0, "byte order mark"),
    (#"{"type":"T",}"#, 11, "comma"), (#"{"data":[1,2,]}"#, 12, "comma"),
    (#"{"type":"T"} x"#, 13, "follows after the end"), (#"{"type":"T"}{}"#, 12, "follows after the end"),
    (#"{"type" "T"}"#, 8, "colon"), (#"{"type":"T" "a":1}"#, 12, "comma or a closing bracket"),
    (#"{type:"T"}"#, 1, "name in double quotes"), (#"{'type':"T"}"#, 1, "name in double quotes"),
    (#"{"type":'T'}"#, 8, "JSON value"), (#"{"data":True}"#, 8, "JSON value"), (#"{"data":NaN}"#, 8, "JSON value"),
    (#"{"data":01}"#, 8, "not a number"), (#"{"data":+1}"#, 8, "JSON value"), (#"{"data":.5}"#, 8, "JSON value"),
    (#"{"data":1.}"#, 8, "not a number"), (#"{"data":1e}"#, 8, "not a number"), (#"{"data":0x10}"#, 8, "not a number"),
    (#"{"data":}"#, 8, "value is missing"), (#"{"data":,}"#, 8, "value is missing"),
    (#"{"data":"a"#, 8, "closing quote"), (#"{"data":"\x"}"#, 9, "escape"), (#"{"data":"ab\u12G4"}"#, 11, "escape"),
    (#"{"data":"\ud800"}"#, 9, "surrogate"), (#"{"data":"a\udc00"}"#, 10, "surrogate"),
    (#"{"data":"\ud800\ud800"}"#, 9, "surrogate"),
    ("{\"data\":\"a\u{1}\"}", 10, "control character"), ("{\"data\":\"a\nb\"}", 10, "control character"),
    ("{\"data\":\"a\u{0}\"}", 10, "control character"),
    ("[1]", 0, "object"), ("17", 0, "object"), ("\"x\"", 0, "object"), ("[1,", 3, "ends in the middle"),
    (#"{"type":"A","type":"B"}"#, 12, "twice"), (#"{"ext":1,"e\u0078t":2}"#, 9, "twice"),
    (#"{"type":"A","\u0074ype":"B"}"#, 12, "twice"),
  ])
  func `says what is wrong and where`(document: String, offset: Int, words: String) throws {
    let error = try #require(door.refusal(document))
    #expect(error.code == .malformed)
    #expect(error.offset == offset)
    #expect(error.message.contains(words), "\(error.message)")
  }

  @Test func `bytes that are not UTF-8 are refused with their place`() throws {
    for bad: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xE2, 0x82]] {
      let error = try #require(door.refusal(Array(#"{"data":"ab"#.utf8) + bad + Array("\"}".utf8)))
      #expect(error.offset == 11)
      #expect(error.message.contains("UTF-8"))
    }
  }

  @Test func `data may nest 64 deep and no deeper, in every mode`() throws {
    func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    func event(_ depth: Int) -> String { #"{"specversion":"1.0","type":"T","data":\#(nested(depth))}"# }
    #expect(try door.decode(event(64)).count == 1)
    #expect(try door.decode(batch: "[\(event(64))]").count == 1)
    #expect(door.takes(data: Array(nested(64).utf8)))
    #expect(door.refusal(event(65))?.message.contains("64 levels") == true)
    #expect(!door.takes(data: Array(nested(65).utf8)))
    #expect(door.refusal(event(400_000))?.code == .malformed)
    let mixed = String(repeating: #"{"a":["#, count: 32) + String(repeating: "]}", count: 32)
    #expect(try door.decode(#"{"specversion":"1.0","type":"T","data":\#(mixed)}"#).count == 1)
  }

  @Test func `at most 64 attributes`() throws {
    let extensions = (0..<62).map { ",\"x\($0)\":\($0)" }.joined()
    let batch = try door.decode(#"{"specversion":"1.0","type":"T"\#(extensions)}"#)
    #expect(batch.with { $0.attributeTexts.count } == 62)
    #expect(door.refusal(#"{"specversion":"1.0","type":"T"\#(extensions),"y":1}"#)?.message.contains("64") == true)
  }

  private func randomJSON(_ random: inout SeededGenerator, depth: Int) -> [UInt8] {
    switch random.below(depth > 3 ? 6 : 8) {
    case 0: return Array(random.pick(["true", "false", "null"]).utf8)
    case 1: return Array(random.pick(["0", "-1.5e+10", "123456789012345678901234567890", "1e400", "-0", "3.00"]).utf8)
    case 2, 3:
      return Array(random.pick([#""""#, #""plain""#, #""\"\\\/\b\f\n\r\t""#, #""\ud83d\ude00é""#, #""\u0000""#]).utf8)
    case 4: return Array(random.pick(["{}", "[]", "[ ]", "{ }"]).utf8)
    case 5: return Array(random.pick([" 1", "\"a\" ", "\t[1]\r\n"]).utf8)
    case 6:
      let members = (0..<(1 + random.below(3))).map {
        Array("\"k\($0)\":".utf8) + randomJSON(&random, depth: depth + 1)
      }
      return [UInt8(ascii: "{")] + Array(members.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "}")]
    default:
      let elements = (0..<(1 + random.below(3))).map { _ in randomJSON(&random, depth: depth + 1) }
      return [UInt8(ascii: "[")] + Array(elements.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "]")]
    }
  }
}
