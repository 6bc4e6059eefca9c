internal import Engine
internal import Events
internal import NIOCore
internal import Wire

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// The body of an operator's request: a JSON object, or nothing.
struct OperatorBody {
  private let members: BodyObject?

  init(_ body: ByteBuffer, names: [String]) throws(Problem) {
    members = body.readableBytes > 0 ? try BodyObject(body, names: names + ["by"]) : nil
  }

  /// Who acts, for the log: `sender`, and in brackets whom the sender says it acts for.
  func by(_ sender: String) throws(Problem) -> String {
    guard let name = try members?.text("by") else { return sender }
    guard NameRule.declaration.allows(name) else {
      throw Problem(
        .badRequest,
        "by says who acts, in 1 to \(NameRule.maximumDeclarationBytes) bytes without control characters.")
    }
    return "\(sender) (\(name))"
  }

  /// A key, when it is given: 1 to 256 bytes.
  func key(_ name: String) throws(Problem) -> KeyBytes? {
    guard let text = try members?.text(name) else { return nil }
    guard !text.isEmpty, NameRule.subject.allows(text) else {
      throw Problem(
        .badRequest,
        "\(name) is a key: 1 to \(NameRule.maximumSubjectBytes) bytes without control characters.")
    }
    return KeyBytes(text)
  }

  /// Which letters of the scope are meant. `maximum` bounds the ids.
  func selection(in scope: ReaderScope, maximum: Int) throws(Problem) -> LetterSelection {
    let owner = scope.ownerName
    let wanted = Problem(
      .badRequest,
      """
      Say which dead letters are meant: {"ids":["8123","8123.2"]} with 1 to \(maximum) ids, {"\(owner)":"name"}, perhaps \
      with "key", or {"all":true}.
      """)
    let given = ["ids", owner, "all"].filter { members?[$0] != nil }
    guard given.count == 1, members?["key"] == nil || given == [owner] else { throw wanted }
    switch members?[given[0]] {
    case .array(let json):
      guard given == ["ids"], let texts = try? JSONDecoder().decode([String].self, from: Data(json)),
        (1...maximum).contains(texts.count)
      else { throw wanted }
      let ids = texts.compactMap { LetterID($0) }
      guard ids.count == texts.count else { throw wanted }
      return .ids(ids)
    case .boolean(true) where given == ["all"]: return .all(consumer: nil, key: nil)
    case .string(let name) where given == [owner]:
      return .all(consumer: name, key: try members?.text("key").map { KeyBytes($0) })
    default: throw wanted
    }
  }

  /// Where a rewind goes.
  func target() throws(Problem) -> RewindRequest.Target {
    switch members?["to"] {
    case .number(let text):
      if let position = UInt64(text), (1...UInt64(Int64.max)).contains(position) { return .position(position) }
    case .string(let text): if Timestamp.microseconds(text) != nil { return .time(text) }
    default: break
    }
    throw Problem(
      .badRequest,
      """
      Say where hearing begins again: {"to":813}, a position, or {"to":"2026-01-31T12:00:00Z"}, after what was committed \
      up to then; with "dryRun":true it is only counted what would be repeated.
      """)
  }

  func text(_ name: String) throws(Problem) -> String? { try members?.text(name) }

  /// - unsaid: what it is when it is not given.
  func flag(_ name: String, unsaid: Bool = false) throws(Problem) -> Bool {
    switch members?[name] {
    case .boolean(let value): return value
    case nil: return unsaid
    default: throw Problem(.badRequest, "\(name) is true or false.")
    }
  }
}

extension DoorServices {
  /// The answer to an operator's request whose body is larger than one event.
  var bodyTooLarge: Answer {
    .problem(Problem(.tooLarge, "The body of this request has at most \(limits.eventBytes) bytes.")).closing()
  }
}
