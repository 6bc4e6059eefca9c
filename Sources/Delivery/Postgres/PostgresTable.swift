internal import Engine
internal import Events
internal import LogStorage
internal import Scripts

/// The statements for one table.
struct PostgresTable: Sendable {
  /// As it was written.
  let name: String
  private let quoted: String

  init(_ name: String) {
    self.name = name
    quoted = PostgresName.quoted(table: name)
  }

  /// What is done when the table is missing. Whoever makes it himself may add columns that have defaults.
  var creation: String {
    """
    create table if not exists \(quoted) (
      message_id text primary key,
      position bigint not null,
      key text not null,
      type text,
      body jsonb,
      headers jsonb not null,
      recorded_at timestamptz not null
    )
    """
  }

  /// A message that came before changes nothing.
  var insertion: String {
    """
    insert into \(quoted) (message_id, position, key, type, body, headers, recorded_at)
    values ($1, $2::bigint, $3, $4, $5::jsonb, $6::jsonb, $7::timestamptz)
    on conflict (message_id) do nothing
    """
  }

  static let parameters = 7
}

/// The parameters of one message, in the order of the columns.
struct PostgresRow {
  /// Each text with its NUL; nil is null.
  private(set) var values: [[UInt8]?] = []

  init(_ parcel: Parcel, from logName: String) throws(DeliveryFailure) {
    let message = parcel.attempt.message
    if parcel.request != nil {
      throw DeliveryFailure(.impossible, "a table gives no answers: a request goes to a destination with http")
    }
    var headers = Headers()
    try headers.add(of: message)
    let body = Envelope.body(of: parcel, from: logName)
    var time = ByteWriter(capacity: 32)
    Timestamp.write(parcel.attempt.recorded, into: &time)
    values = [
      Array(parcel.id.utf8), Array("\(parcel.attempt.position)".utf8), Array(message.subject),
      message.attributes[.about].map { Array($0) }, body.isEmpty ? nil : body, headers.json, Array(time.bytes),
    ]
    for index in values.indices {
      guard values[index]?.contains(0) != true else {
        throw DeliveryFailure(.impossible, "a text of PostgreSQL cannot have a NUL in it, and the message has one")
      }
      values[index]?.append(0)
    }
  }
}
