internal import CBytes
internal import Events

/// Walks over JSON that was checked before, beside a schema. Allocates only when something is wrong, or for names and
/// texts with escapes.
package struct SchemaCheck {
  private let bytes: UnsafeRawBufferPointer
  private var at = 0
  /// What elements are counted from in messages: 0 for JSON, 1 for Lua.
  private let firstIndex: Int
  /// Where `{}` stands for an empty array: Lua's empty table is an object unless the schema says otherwise.
  private var emptyArrays: [Int] = []
  private let takesEmptyObjects: Bool

  private init(_ bytes: UnsafeRawBufferPointer, firstIndex: Int, takesEmptyObjects: Bool) {
    self.bytes = bytes
    self.firstIndex = firstIndex
    self.takesEmptyObjects = takesEmptyObjects
  }

  /// Checks data of an event from outside; data without bytes are null.
  package static func check(_ data: UnsafeRawBufferPointer, _ schema: Schema) throws(SchemaViolation) {
    var check = SchemaCheck(data, firstIndex: 0, takesEmptyObjects: false)
    try check.value(schema) { "data" }
  }

  /// Checks data that a script has made. Gives where an empty object is to be an empty array: `{}` there becomes `[]`.
  static func checkMade(_ data: UnsafeRawBufferPointer, _ schema: Schema) throws(SchemaViolation) -> [Int] {
    var check = SchemaCheck(data, firstIndex: 1, takesEmptyObjects: true)
    try check.value(schema) { "data" }
    return check.emptyArrays
  }

  private typealias Path = () -> String

  private mutating func value(_ schema: Schema, _ path: Path) throws(SchemaViolation) {
    space()
    switch schema {
    case .any: skip()
    case .string, .format, .choice: try text(schema, path)
    case .number, .integer: try number(schema, path)
    case .boolean:
      guard peek == UInt8(ascii: "t") || peek == UInt8(ascii: "f") else { throw wrong(schema, path) }
      skip()
    case .object:
      guard peek == UInt8(ascii: "{") else { throw wrong(schema, path) }
      skip()
    case .array:
      if try !beginsArray(schema, path) { return }
      skip()
    case .list(let element):
      if try beginsArray(schema, path) { try elements(element, path) }
    case .members(let members):
      guard peek == UInt8(ascii: "{") else { throw wrong(schema, path) }
      try object(members, path)
    }
  }

  /// False when an empty object stands for the array, and was passed.
  private mutating func beginsArray(_ schema: Schema, _ path: Path) throws(SchemaViolation) -> Bool {
    if peek == UInt8(ascii: "[") { return true }
    guard takesEmptyObjects, peek == UInt8(ascii: "{"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "}") else {
      throw wrong(schema, path)
    }
    emptyArrays.append(at)
    at += 2
    return false
  }

  private mutating func text(_ schema: Schema, _ path: Path) throws(SchemaViolation) {
    guard peek == UInt8(ascii: "\"") else { throw wrong(schema, path) }
    let (raw, isPlain) = string()
    let isRight: Bool =
      switch schema {
      case .format(let format): Self.withText(raw, isPlain) { format.allows($0) }
      case .choice(let texts):
        Self.withText(raw, isPlain) { text in texts.contains { $0.utf8.elementsEqual(text) } }
      default: true
      }
    guard isRight else {
      throw SchemaViolation(path: path(), what: "is \"\(Self.shown(raw))\"; \(schema.wanted) is wanted")
    }
  }

  private mutating func number(_ schema: Schema, _ path: Path) throws(SchemaViolation) {
    guard let first = peek, first == UInt8(ascii: "-") || (0x30...0x39).contains(first) else {
      throw wrong(schema, path)
    }
    let start = at
    var isWhole = true
    while at < bytes.count {
      switch bytes[at] {
      case 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "+"): break
      case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): isWhole = false
      default:
        return try checkWhole(schema, start..<at, isWhole, path)
      }
      at += 1
    }
    try checkWhole(schema, start..<at, isWhole, path)
  }

  private func checkWhole(
    _ schema: Schema, _ range: Range<Int>, _ isWhole: Bool, _ path: Path
  ) throws(SchemaViolation) {
    if isWhole || schema != .integer { return }
    let text = UnsafeRawBufferPointer(rebasing: bytes[range]).text
    if let number = Double(text), number.rounded() == number, number.isFinite { return }
    throw SchemaViolation(path: path(), what: "is \(text); a whole number is wanted")
  }

  private mutating func elements(_ schema: Schema, _ path: Path) throws(SchemaViolation) {
    at += 1
    space()
    if peek == UInt8(ascii: "]") {
      at += 1
      return
    }
    var index = firstIndex
    while true {
      try withoutActuallyEscaping(path) { path throws(SchemaViolation) in
        try value(schema) { "\(path())[\(index)]" }
      }
      index += 1
      space()
      defer { at += 1 }
      if peek != UInt8(ascii: ",") { return }
    }
  }

  private mutating func object(_ members: [Schema.Member], _ path: Path) throws(SchemaViolation) {
    at += 1
    // Which of the members were there; a contract with more than 64 checks the rest by name again.
    var seen: Set<Int> = []
    space()
    if peek == UInt8(ascii: "}") {
      at += 1
    } else {
      while true {
        space()
        let (raw, isPlain) = string()
        space()
        at += 1
        let known = Self.withText(raw, isPlain) { name in members.firstIndex { $0.name.utf8.elementsEqual(name) } }
        if let known {
          seen.insert(known)
          try member(members[known], path)
        } else {
          skip()
        }
        space()
        defer { at += 1 }
        if peek != UInt8(ascii: ",") { break }
      }
    }
    for (index, member) in members.enumerated() where !member.isOptional && !seen.contains(index) {
      throw SchemaViolation(path: "\(path()).\(member.name)", what: "is missing; \(member.schema.wanted) is wanted")
    }
  }

  private mutating func member(_ member: Schema.Member, _ path: Path) throws(SchemaViolation) {
    space()
    if member.isOptional, peek == UInt8(ascii: "n") { return skip() }
    try withoutActuallyEscaping(path) { path throws(SchemaViolation) in
      try value(member.schema) { "\(path()).\(member.name)" }
    }
  }

  private func wrong(_ schema: Schema, _ path: Path) -> SchemaViolation {
    SchemaViolation(path: path(), what: "is \(kind); \(schema.wanted) is wanted")
  }

  private var kind: String {
    switch peek {
    case nil: "missing"
    case UInt8(ascii: "\"")?: "text"
    case UInt8(ascii: "{")?: "an object"
    case UInt8(ascii: "[")?: "an array"
    case UInt8(ascii: "t")?: "true"
    case UInt8(ascii: "f")?: "false"
    case UInt8(ascii: "n")?: "null"
    default: "a number"
    }
  }

  // MARK: walking

  private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func space() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
  }

  /// The bytes between the quotes, and whether there are no escapes among them.
  private mutating func string() -> (raw: UnsafeRawBufferPointer, isPlain: Bool) {
    at += 1
    let start = at
    var isPlain = true
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      if bytes[at] == UInt8(ascii: "\\") {
        isPlain = false
        at += 1
      }
      at += 1
    }
    defer { at += 1 }
    return (UnsafeRawBufferPointer(rebasing: bytes[start..<min(at, bytes.count)]), isPlain)
  }

  private mutating func skip() {
    space()
    var depth = 0
    while at < bytes.count {
      switch bytes[at] {
      case UInt8(ascii: "\""): _ = string()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        at += 1
        continue
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return }
        depth -= 1
        at += 1
      case UInt8(ascii: ","), 0x20, 0x0A, 0x0D, 0x09, UInt8(ascii: ":"):
        if depth == 0 { return }
        at += 1
        continue
      default:
        while at < bytes.count, !",:]} \n\r\t".utf8.contains(bytes[at]) { at += 1 }
      }
      if depth == 0 { return }
    }
  }

  private static func withText<Result>(
    _ raw: UnsafeRawBufferPointer, _ isPlain: Bool, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result {
    if isPlain { return body(raw) }
    return withUnsafeTemporaryAllocation(byteCount: raw.count, alignment: 1) { room in
      let count = md_unescape(
        raw.bindMemory(to: UInt8.self).baseAddress!, raw.count, room.bindMemory(to: UInt8.self).baseAddress!)
      return body(UnsafeRawBufferPointer(rebasing: room[..<count]))
    }
  }

  private static func shown(_ raw: UnsafeRawBufferPointer) -> String {
    raw.count <= 60 ? raw.text : raw.prefixOfText(60) + "…"
  }
}
