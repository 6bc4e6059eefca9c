internal import Events

/// The names of the files of a log.
enum SegmentName {
  static let suffix = ".seg"
  static let indexSuffix = ".idx"
  /// A file that is not whole yet.
  static let temporarySuffix = ".new"
  static let brokenSuffix = ".broken"

  /// `00000000000000000001.seg`: the segment that begins at `first`.
  static func segment(_ first: Position) -> String { digits(first.rawValue) + suffix }
  static func index(_ first: Position) -> String { digits(first.rawValue) + indexSuffix }

  static func digits(_ value: UInt64) -> String {
    let text = String(value)
    return String(repeating: "0", count: 20 - text.count) + text
  }

  /// The first position that a segment's name says; nil for other files.
  static func position(ofSegment name: String) -> Position? {
    guard name.utf8.count == 24, name.hasSuffix(suffix) else { return nil }
    let digits = name.utf8.prefix(20)
    guard digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
    return UInt64(String(decoding: digits, as: UTF8.self)).map { Position($0) }
  }
}
