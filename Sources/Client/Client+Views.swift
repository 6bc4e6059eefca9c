package import Wire

/// Which documents of a view are wanted.
package struct ViewSelection: Sendable, Equatable {
  /// Nil: all that the conditions choose.
  package var key: String?
  /// Each `FIELD=VALUE`.
  package var conditions: [String] = []
  package var isFrozenOnly = false
  package var order: String?
  package var limit: Int?
  package var after: String?
  /// A position or a time.
  package var moment: String?
  /// A position that the view must have read.
  package var position: UInt64?
  package var wait: String?

  package init() {}

  var query: String {
    EventSelection.query(
      conditions.map { ("where", $0) } + [
        ("frozen", isFrozenOnly ? "true" : nil), ("order", order), ("limit", limit.map { "\($0)" }), ("after", after),
        ("at", moment), ("after-position", position.map { "\($0)" }), ("wait", wait),
      ])
  }
}

/// A document exactly as the daemon wrote it, with what the view knows of it.
package struct ViewDocumentText: Sendable, Equatable {
  package var key: String
  package var position: UInt64
  /// JSON.
  package var document: [UInt8]
  /// Why later events are not in it.
  package var error: String?
}

/// An answer about documents.
package struct ViewAnswerText: Sendable, Equatable {
  package var documents: [ViewDocumentText]
  /// Up to where the view had read.
  package var position: UInt64
  package var next: String?
  package var found: String?
  /// As it came.
  package var json: [UInt8]
}

extension Client {
  /// How every view is.
  package func views() throws -> Reply<ViewList> { try reply(try transport.perform(Request(path: "/views"))) }

  /// Asks for a view to be folded anew.
  package func rebuildView(_ name: String) throws -> Reply<ViewList> {
    try reply(
      try transport.perform(Request(method: "POST", path: "/views/\(EventSelection.encoded(name))/rebuild")))
  }

  /// One page of documents, or the one document of `selection.key`.
  package func view(_ name: String, _ selection: ViewSelection) throws -> ViewAnswerText {
    var path = "/views/" + EventSelection.encoded(name)
    if let key = selection.key { path += "/" + EventSelection.encoded(key) }
    let response = try checked(try transport.perform(Request(path: path + selection.query)))
    do {
      return try ViewAnswerText(json: response.body, isOne: selection.key != nil)
    } catch {
      throw ClientError.unexpected(url: endpoint.url, reason: "its documents cannot be read: \(error.what)")
    }
  }
}

extension ViewAnswerText {
  init(json: [UInt8], isOne: Bool) throws(JSONMistake) {
    let members = try Members(json, 0..<json.count)
    (self.json, next, found) = (json, members.text("next"), members.text("found"))
    position = try members.members("view").flatMap { $0.number("position") } ?? 0
    if isOne {
      documents = [try ViewDocumentText(members)]
    } else {
      guard let list = members.range("documents") else {
        throw JSONMistake(offset: 0, what: "here should be documents")
      }
      documents = []
      for element in try JSONScanner.elements(json, in: list) {
        documents.append(try ViewDocumentText(try Members(json, element)))
      }
    }
  }
}

extension ViewDocumentText {
  fileprivate init(_ members: Members) throws(JSONMistake) {
    guard let key = members.text("key"), let document = members.range("document") else {
      throw JSONMistake(offset: 0, what: "here should be a key and a document")
    }
    self.init(
      key: key, position: members.number("position") ?? 0, document: Array(members.json[document]),
      error: try members.members("frozen").flatMap { $0.text("error") })
  }
}

/// An object within a larger text.
private struct Members {
  let json: ArraySlice<UInt8>
  private let all: [(name: String, value: Range<Int>)]

  init(_ json: [UInt8], _ range: Range<Int>) throws(JSONMistake) {
    self.json = json[range]
    let found = try JSONScanner.members(Array(json[range]))
    all = found.map { ($0.name, $0.value.lowerBound + range.lowerBound..<$0.value.upperBound + range.lowerBound) }
  }

  func range(_ name: String) -> Range<Int>? { all.first { $0.name == name }?.value }

  func number(_ name: String) -> UInt64? { range(name).flatMap { UInt64(String(decoding: json[$0], as: UTF8.self)) } }

  func text(_ name: String) -> String? {
    range(name).flatMap { try? JSONDecoder().decode(String.self, from: Data(json[$0])) }
  }

  func members(_ name: String) throws(JSONMistake) -> Members? {
    guard let range = range(name) else { return nil }
    return try Members([UInt8](repeating: 0x20, count: range.lowerBound) + json[range], range)
  }
}

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif
