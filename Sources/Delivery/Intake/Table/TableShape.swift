internal import Events
internal import Scripts

/// The columns of an outbox table, and the statements that read it.
struct TableShape: Sendable, Equatable {
  /// Why the table cannot be read.
  struct Mistake: Error, Equatable {
    let what: String
  }

  /// The largest data of an event.
  static let maximumData = 1 << 20
  /// Rows are read until their data have so many bytes together.
  static let maximumPage = 8 << 20

  let place: SourceDeclaration.TablePlace
  /// Names by what they hold, of the columns that are there.
  private let columns: [String: String]
  private let types: [String: String]

  /// - found: the table's columns with their types.
  init(_ place: SourceDeclaration.TablePlace, found: [String: String]) throws(Mistake) {
    if found.isEmpty { throw Mistake(what: "there is no table \(place.table), or it may not be seen") }
    var columns: [String: String] = [:]
    for (role, usual) in SourceDeclaration.TablePlace.columnNames {
      let name = place.columns[role] ?? (role == "order" ? columns["id"] ?? usual : usual)
      if found[name] != nil {
        columns[role] = name
        continue
      }
      let isNeeded =
        ["id", "type", "subject", "data"].contains(role) || place.columns[role] != nil
        || role == "done" && place.removal == .mark
      guard isNeeded else { continue }
      let hint = place.columns[role] == nil ? ": add it, or write columns = { \(role) = \"…\" }" : ""
      throw Mistake(what: "table \(place.table) has no column \"\(name)\" (\(role))\(hint)")
    }
    (self.place, self.columns, types) = (place, columns, found)
  }

  /// The table's columns with their types; `$1` is its name.
  static let columnsQuery = """
    select attname, format_type(atttypid, atttypmod) from pg_attribute
    where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
    """

  /// What the trigger in the documents notifies.
  static func channel(of table: String) -> String {
    String(table.split(separator: ".").last ?? "outbox")
  }

  private var table: String { PostgresName.quoted(table: place.table) }

  private func column(_ role: String) -> String? { columns[role].map { PostgresName.quoted($0) } }

  /// As text, when the table has such a column.
  private func text(_ role: String) -> String { column(role).map { "\($0)::text" } ?? "null::text" }

  private var time: String {
    guard let name = columns["time"], let type = types[name] else { return "null::text" }
    let column = PostgresName.quoted(name)
    guard type.hasPrefix("timestamp") else { return "\(column)::text" }
    let moment = type.hasSuffix("with time zone") ? "\(column) at time zone 'UTC'" : column
    return "to_char(\(moment), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
  }

  private var isOpen: String {
    place.removal == .mark ? "\(column("done") ?? "") is null" : "true"
  }

  /// The next rows that are not taken, in their order: id, type, subject, data, time, headers and the size of the data.
  /// `$1` are subjects that wait, `$2` ids that do, `$3` is how many rows at most.
  ///
  /// All of them are looked for each time, never those behind the last one: ids are drawn before transactions commit,
  /// so a row that is seen now may have a smaller id than one that was seen before.
  var page: String {
    """
    select k, t, s, case when size <= \(Self.maximumData) then d end, ts, h, size from (
      select *, sum(least(size, \(Self.maximumData))) over (
        order by o, i rows between unbounded preceding and 1 preceding) as before
      from (
        select \(text("id")) as k, \(text("type")) as t, \(text("subject")) as s, \(text("data")) as d, \(time) as ts,
          \(text("headers")) as h, coalesce(octet_length(\(text("data"))), 0)::bigint as size,
          \(column("order")!) as o, \(column("id")!) as i
        from \(table)
        where \(isOpen) and (\(column("subject")!) is null or \(text("subject")) <> all($1::text[]))
          and \(text("id")) <> all($2::text[])
        order by o, i limit $3::bigint
      ) rows
    ) measured where coalesce(before, 0) < \(Self.maximumPage) order by o, i
    """
  }

  /// Takes the rows with the ids `$1` away.
  var removal: String {
    let ids = "\(column("id")!) = any($1::\(types[columns["id"]!]!)[])"
    if place.removal == .delete { return "delete from \(table) where \(ids)" }
    let failed = column("failed").map { ", \($0) = null" } ?? ""
    return "update \(table) set \(column("done")!) = now()\(failed) where \(ids)"
  }

  /// Notes in the row `$1` why it is not taken; nil when the table has no place for it.
  var note: String? {
    column("failed").map {
      """
      update \(table) set \($0) = $2 where \(column("id")!) = $1::\(types[columns["id"]!]!)
        and \($0) is distinct from $2
      """
    }
  }

  /// How many rows are not taken.
  var count: String { "select count(*) from \(table) where \(isOpen)" }

  /// An array as PostgreSQL reads it.
  static func array(_ texts: some Sequence<String>) -> String {
    let elements = texts.map { text in
      "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
    return "{\(elements.joined(separator: ","))}"
  }
}

/// A row on its way into the log.
struct OutboxRow: Sendable, Equatable {
  let id: String
  let type: String?
  let subject: String?
  let data: String?
  let time: String?
  let headers: String?
  let size: Int

  init(_ columns: [String?]) {
    id = columns[0] ?? ""
    (type, subject, data, time, headers) = (columns[1], columns[2], columns[3], columns[4], columns[5])
    size = columns[6].flatMap { Int($0) } ?? 0
  }

  /// Adds the event that the row is, or says why it is none.
  func mistake(adding batch: EntryBatch, source: String, _ decoder: CloudEventDecoder) -> String? {
    if size > TableShape.maximumData {
      return "its data have \(size) bytes, and an event has at most \(TableShape.maximumData)"
    }
    guard let type else { return "it has no type" }
    var document = ByteWriter(capacity: size + 256)
    document.append("{\"specversion\":\"1.0\"" as StaticString)
    for (name, value) in [("source", source), ("id", id), ("type", type), ("subject", subject), ("time", time)] {
      guard let value else { continue }
      document.append(",\"\(name)\":")
      document.appendJSON(string: value)
    }
    for (name, value) in [("headers", headers), ("data", data)] {
      guard let value else { continue }
      var text = value
      if let error = text.withUTF8({ JSONCheck.problem(of: UnsafeRawBufferPointer($0)) }) {
        return "its \(name) are no JSON: \(error.message)"
      }
      if name == "data" {
        document.append(",\"data\":" as StaticString)
        document.append(value)
      } else if let mistake = Self.add(headers: value, to: &document) {
        return mistake
      }
    }
    document.append("}" as StaticString)
    do throws(CloudEventError) {
      try decoder.decode(document.bytes, into: batch)
      return nil
    } catch {
      return error.message
    }
  }

  /// The members of an object, as attributes of the event.
  private static func add(headers: String, to document: inout ByteWriter) -> String? {
    var inside = headers.trimmingSpaces
    guard inside.hasPrefix("{"), inside.hasSuffix("}") else {
      return headers.trimmingSpaces == "null" ? nil : "its headers are no JSON object"
    }
    inside = String(inside.dropFirst().dropLast()).trimmingSpaces
    if inside.isEmpty { return nil }
    document.append("," as StaticString)
    document.append(inside)
    return nil
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    var text = self[...]
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }
}
