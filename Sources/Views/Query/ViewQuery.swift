internal import Foundation
internal import GRDB
internal import Scripts

/// Which documents of a view are wanted, in which order, and from where on.
package struct ViewQuery: Sendable {
  /// A field's value as text: `status=placed`. A number also stands for its text, and the other way round.
  package struct Condition: Sendable, Equatable {
    package var field: String
    package var value: String

    package init(field: String, value: String) { (self.field, self.value) = (field, value) }

    /// Nil when there is no `=` in it.
    package init?(_ text: String) {
      guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
      field = String(text[..<equals])
      value = String(text[text.utf8.index(after: equals)...])
    }
  }

  package static let maximumLimit = 1000
  package static let standardLimit = 100

  package var conditions: [Condition] = []
  /// A field, with `-` before it from the largest on; nil: by key.
  package var order: String?
  package var limit = ViewQuery.standardLimit
  /// What the page before gave as `next`.
  package var after: String?

  package init() {}
}

/// A document and what the view knows of it.
package struct ViewDocument: Sendable, Equatable {
  package var key: String
  /// JSON.
  package var document: [UInt8]
  /// The last event that was folded into it.
  package var position: UInt64
  /// Why later events are not: nil for most.
  package var frozen: Frozen?

  package init(key: String, document: [UInt8], position: UInt64, frozen: Frozen? = nil) {
    (self.key, self.document, self.position, self.frozen) = (key, document, position, frozen)
  }

  package struct Frozen: Sendable, Equatable {
    package var position: UInt64
    package var error: String
    package var traceback: String
    /// µs since 1970.
    package var since: Int64
    /// Events that wait, the failed one included.
    package var waiting: Int
  }
}

/// Some documents of a view.
package struct ViewPage: Sendable, Equatable {
  package var documents: [ViewDocument]
  /// Where the next page begins; nil: there is no more.
  package var next: String?
  /// Up to where the view had read the log.
  package var position: UInt64

  package init(documents: [ViewDocument], next: String?, position: UInt64) {
    (self.documents, self.next, self.position) = (documents, next, position)
  }
}

/// A query as SQL: names that come from outside are fields of documents, quoted or bound, never parts of a statement.
struct ViewSelection {
  /// Bytes of documents that one page holds, about.
  private static let pageBytes = 8 << 20

  private let table: ViewTable
  private let query: ViewQuery
  private var conditions: [String] = []
  private var arguments: [any DatabaseValueConvertible] = []
  private let order: (field: OrderField, isDescending: Bool)

  private enum OrderField {
    case key
    case other(String, [any DatabaseValueConvertible])
  }

  init(_ table: ViewTable, _ query: ViewQuery) throws(ViewError) {
    self.table = table
    self.query = query
    let isDescending = query.order?.hasPrefix("-") ?? false
    let name = query.order.map { isDescending ? String($0.dropFirst()) : $0 } ?? "key"
    if name == "key" {
      order = (.key, isDescending)
    } else {
      let expression = try Self.expression(name, in: table)
      order = (.other(expression.sql, expression.arguments), isDescending)
    }
    for condition in query.conditions { try add(condition) }
    if let after = query.after { try begin(after: after) }
  }

  /// What gives a field's value: a column when there is one, else a look into the document.
  private static func expression(
    _ name: String, in table: ViewTable
  ) throws(ViewError) -> (sql: String, arguments: [any DatabaseValueConvertible], path: String?) {
    if name == "key" || name == "position" { return (name, [], nil) }
    guard let field = DocumentField(name) else {
      throw ViewError(.badQuery, "\"\(name)\" is no field of a document; fields are names, joined by dots.")
    }
    let path = ViewTable.path(field)
    if table.fields.contains(where: { $0.description.utf8.elementsEqual(name.utf8) }) {
      return (ViewTable.quoted(name), [], path)
    }
    return ("json_extract(document, ?)", [path], path)
  }

  private mutating func add(_ condition: ViewQuery.Condition) throws(ViewError) {
    let (sql, arguments, path) = try Self.expression(condition.field, in: table)
    let value = condition.value
    guard let path else {
      if condition.field == "position" {
        guard let position = Int64(value) else { throw ViewError(.badQuery, "A position is a whole number.") }
        return add("position = ?", [position])
      }
      return add("key = ?", [value])
    }
    switch value {
    case "true", "false":
      add(
        "(\(sql) IN (?, ?) AND json_type(document, ?) IN (?, 'text'))",
        arguments + [value, value == "true" ? 1 : 0, path, value])
    case "null": add("(\(sql) IS NULL OR \(sql) = 'null')", arguments + arguments)
    default:
      guard let number = Self.number(value) else { return add("\(sql) = ?", arguments + [value]) }
      // SQLite's 1 and 0 are also true and false.
      add(
        "(\(sql) IN (?, ?) AND json_type(document, ?) NOT IN ('true', 'false'))", arguments + [value, number, path])
    }
  }

  private mutating func add(_ condition: String, _ values: [any DatabaseValueConvertible]) {
    conditions.append(condition)
    arguments += values
  }

  /// A number as JSON writes it.
  private static func number(_ text: String) -> (any DatabaseValueConvertible)? {
    guard let first = text.utf8.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first),
      let value = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) as? NSNumber
    else { return nil }
    if let whole = Int64(text) { return whole }
    return value.doubleValue.isFinite ? value.doubleValue : nil
  }

  // MARK: pages

  /// The document that the page before ended with: its key, or its value in the order and its key.
  private mutating func begin(after text: String) throws(ViewError) {
    guard case .other(let sql, let more) = order.field else {
      return add(order.isDescending ? "key < ?" : "key > ?", [text])
    }
    let (value, key) = try Self.mark(text)
    switch (value, order.isDescending) {
    case (nil, false): add("(\(sql) IS NOT NULL OR (\(sql) IS NULL AND key > ?))", more + more + [key])
    case (nil, true): add("(\(sql) IS NULL AND key < ?)", more + [key])
    case (let value?, false):
      add("(\(sql) > ? OR (\(sql) = ? AND key > ?))", more + [value] + more + [value, key])
    case (let value?, true):
      add(
        "(\(sql) < ? OR \(sql) IS NULL OR (\(sql) = ? AND key < ?))", more + [value] + more + more + [value, key])
    }
  }

  /// `["2.5","order-1"]` with the value as SQLite has it.
  private static func mark(_ text: String) throws(ViewError) -> ((any DatabaseValueConvertible)?, String) {
    guard let parts = try? JSONDecoder().decode([Mark].self, from: Data(text.utf8)), parts.count == 2,
      case .text(let key) = parts[1]
    else {
      throw ViewError(.badQuery, "after is not what a page in this order gave as next.")
    }
    return switch parts[0] {
    case .null: (nil, key)
    case .whole(let value): (value, key)
    case .number(let value): (value, key)
    case .text(let value): (value, key)
    }
  }

  private enum Mark: Codable {
    case null, whole(Int64), number(Double), text(String)

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        self = .null
      } else if let whole = try? value.decode(Int64.self) {
        self = .whole(whole)
      } else if let number = try? value.decode(Double.self) {
        self = .number(number)
      } else {
        self = .text(try value.decode(String.self))
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .null: try container.encodeNil()
      case .whole(let value): try container.encode(value)
      case .number(let value): try container.encode(value)
      case .text(let value): try container.encode(value)
      }
    }

    init(_ value: DatabaseValue) {
      switch value.storage {
      case .null, .blob: self = .null
      case .int64(let value): self = .whole(value)
      case .double(let value): self = .number(value)
      case .string(let value): self = .text(value)
      }
    }
  }

  private var sql: String {
    let isDescending = order.isDescending
    var columns = "key, position, document"
    var sorting = isDescending ? "key DESC" : "key"
    if case .other(let expression, _) = order.field {
      columns += ", \(expression)"
      sorting = isDescending ? "4 DESC, key DESC" : "4, key"
    }
    var text = "SELECT \(columns) FROM \(table.quoted)"
    if !conditions.isEmpty { text += " WHERE " + conditions.joined(separator: " AND ") }
    return text + " ORDER BY \(sorting) LIMIT ?"
  }

  /// - position: up to where the view has read, in the same transaction.
  func page(_ db: Database, position: UInt64) throws -> ViewPage {
    var values: [any DatabaseValueConvertible] = []
    if case .other(_, let more) = order.field { values += more }
    values += arguments
    values.append(query.limit + 1)
    let rows = try Row.fetchCursor(db, sql: sql, arguments: StatementArguments(values))
    var page = ViewPage(documents: [], next: nil, position: position)
    var bytes = 0
    var mark: String?
    while let row = try rows.next() {
      if page.documents.count == query.limit || bytes > Self.pageBytes {
        page.next = mark
        break
      }
      let document = Array((row[2] as String).utf8)
      let key: String = row[0]
      bytes += document.count
      page.documents.append(ViewDocument(key: key, document: document, position: UInt64(clamping: row[1] as Int64)))
      mark = self.mark(row, key)
    }
    return page
  }

  private func mark(_ row: Row, _ key: String) -> String? {
    guard case .other = order.field else { return key }
    let parts = [Mark(row[3] as DatabaseValue), .text(key)]
    return (try? JSONEncoder().encode(parts)).map { String(decoding: $0, as: UTF8.self) }
  }
}
