internal import Events
internal import Wire

/// The query of an address, decoded to bytes.
struct Query {
  private var values: [String: [UInt8]] = [:]
  private var repeated: [String: [[UInt8]]] = [:]

  /// - repeatable: which of `names` may be given more than once.
  /// - Throws: a problem for what is not percent-encoded UTF-8, given twice, or none of `names`.
  init(_ text: Substring, names: [String], repeatable: Set<String> = []) throws(Problem) {
    for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
      let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
      let name = String(Substring(pair[..<equals]))
      guard names.contains(name) else {
        throw Problem(
          .badRequest, "The query has a part that means nothing here; known are \(names.joined(separator: ", ")).")
      }
      let rest = equals == pair.endIndex ? pair[equals...] : pair[pair.index(after: equals)...]
      guard let value = Self.decode(rest, plusIsSpace: true) else {
        throw Problem(.badRequest, "The query's \(name) is not percent-encoded UTF-8.")
      }
      if repeatable.contains(name) {
        repeated[name, default: []].append(value)
        continue
      }
      guard values.updateValue(value, forKey: name) == nil else {
        throw Problem(.badRequest, "The query gives \(name) twice.")
      }
    }
  }

  subscript(name: String) -> [UInt8]? { values[name] }

  /// Every value of a name that may be repeated, as text.
  func all(_ name: String) -> [String] {
    repeated[name, default: []].map { String(decoding: $0, as: UTF8.self) }
  }

  func text(_ name: String) -> String? { values[name].map { String(decoding: $0, as: UTF8.self) } }

  /// A number from `range`; nil when it is not given.
  func number(_ name: String, in range: ClosedRange<UInt64>) throws(Problem) -> UInt64? {
    guard let value = values[name] else { return nil }
    guard let number = UInt64(String(decoding: value, as: UTF8.self)), range.contains(number) else {
      throw Problem(
        .badRequest, "The query's \(name) is a whole number from \(range.lowerBound) to \(range.upperBound).")
    }
    return number
  }

  /// The bytes that percent-encoded text stands for; nil when an escape is broken or they are not UTF-8.
  static func decode(_ text: some Sequence<UInt8>, plusIsSpace: Bool) -> [UInt8]? {
    var bytes: [UInt8] = []
    var iterator = text.makeIterator()
    while let byte = iterator.next() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = iterator.next().flatMap(hexadecimal), let low = iterator.next().flatMap(hexadecimal) else {
          return nil
        }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
      default: bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self) == nil ? nil : bytes
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
