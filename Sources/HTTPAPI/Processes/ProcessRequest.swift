internal import Engine
internal import Events
internal import Wire

/// A request about instances of processes: its path may have two variable parts.
enum ProcessRequest: Sendable {
  case list(ProcessQuery)
  case show(process: String, key: String)
  case cancel(process: String, key: String)
  case move(process: String, key: String)
  case retry(process: String, key: String)
  case moveAll

  static let names = ["process", "state", "version", "limit", "after"]
  /// Instances of one page, at most.
  static let maximumLimit: UInt64 = 1000

  private static let prefix = "/processes/"

  /// The name and key in a path, still encoded; nil when it is not the operation's path. A key may contain slashes.
  static func instance(_ path: Substring, _ operation: Operation) -> Substring? {
    let suffix = operation.path.utf8.dropFirst("/processes/{name}/{key}".utf8.count)
    let bytes = path.utf8
    guard bytes.starts(with: prefix.utf8), bytes.count > prefix.utf8.count + suffix.count,
      bytes.suffix(suffix.count).elementsEqual(suffix)
    else { return nil }
    let rest = bytes.dropFirst(prefix.utf8.count).dropLast(suffix.count)
    guard let slash = rest.firstIndex(of: UInt8(ascii: "/")), slash > rest.startIndex,
      rest.index(after: slash) < rest.endIndex
    else { return nil }
    return Substring(rest)
  }

  /// Nil when the operation is not about processes.
  init?(_ operation: Operation, _ target: Target) throws(Problem) {
    switch operation {
    case .listProcesses: self = .list(try Self.query(target.query))
    case .moveProcesses: self = .moveAll
    case .getProcess, .cancelProcess, .moveProcess, .retryProcess:
      _ = try Query(target.query, names: [])
      let rest = (Self.instance(target.path, operation) ?? "").utf8
      let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
      let (name, key) = (try Self.text(rest[..<slash]), try Self.text(rest[slash...].dropFirst()))
      self =
        switch operation {
        case .cancelProcess: .cancel(process: name, key: key)
        case .moveProcess: .move(process: name, key: key)
        case .retryProcess: .retry(process: name, key: key)
        default: .show(process: name, key: key)
        }
    default: return nil
    }
  }

  private static func text(_ encoded: Substring.UTF8View.SubSequence) throws(Problem) -> String {
    guard let bytes = Query.decode(encoded, plusIsSpace: false) else {
      throw Problem(.badRequest, "The path is not percent-encoded UTF-8.")
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func query(_ text: Substring) throws(Problem) -> ProcessQuery {
    let values = try Query(text, names: names)
    var query = ProcessQuery(process: values.text("process"))
    if let state = values.text("state") {
      guard let known = ProcessReport.State(rawValue: state) else {
        throw Problem(.badRequest, "The query's state is waiting, retrying or stuck.")
      }
      query.state = known
    }
    query.generation = try values.number("version", in: 1...UInt64(UInt32.max)).map { UInt32($0) }
    if let limit = try values.number("limit", in: 1...maximumLimit) { query.limit = Int(limit) }
    if let after = values.text("after") {
      guard let place = ProcessReport.Place(after) else {
        throw Problem(.badRequest, "The query's after is what the page before gave as next.")
      }
      query.after = place
    }
    return query
  }
}
