/// The key of a unit of work.
enum WorkKey: Hashable, CustomStringConvertible {
  case named(String)
  /// An event without a subject goes by itself.
  case own(UInt64)
  /// The key of the event at this position could not be computed.
  case unkeyed(UInt64)

  var name: String? { if case .named(let name) = self { name } else { nil } }

  var description: String {
    switch self {
    case .named(let name): name
    case .own(let position), .unkeyed(let position): "#\(position)"
    }
  }

  /// As the log writes it.
  init(_ bytes: [UInt8]) {
    guard bytes.count == 9, bytes[0] <= 1 else {
      self = .named(String(decoding: bytes, as: UTF8.self))
      return
    }
    let position = bytes[1...].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    self = bytes[0] == 0 ? .own(position) : .unkeyed(position)
  }
}
