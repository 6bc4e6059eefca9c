/// A `source`: where events come in from by themselves, and how it is known that they come from there.
package struct SourceDeclaration: Sendable, Hashable {
  package enum Place: Sendable, Hashable {
    /// Requests of others, `POST /in/{path}`.
    case http(CallbackPlace)
    /// The rows of a transactional outbox.
    case postgres(TablePlace)
  }

  package struct CallbackPlace: Sendable, Hashable {
    /// The last part of the address.
    package var path: String
    /// Nil: whoever can reach the door is believed, which the script has said knowingly.
    package var verification: Verification?
    /// Where the `event` function stands.
    package var line: Int

    package init(path: String, verification: Verification?, line: Int) {
      (self.path, self.verification, self.line) = (path, verification, line)
    }
  }

  package struct TablePlace: Sendable, Hashable {
    /// What becomes of rows that are durable here.
    package enum Removal: String, Sendable, CaseIterable {
      case delete, mark
    }

    /// A libpq connection string or URI.
    package var connection: Template
    /// `name` or `schema.name`.
    package var table: String
    /// How often it is looked for rows that nobody told of, in µs.
    package var every: Int64
    /// Rows that are taken at once.
    package var batch: Int
    package var removal: Removal
    /// What columns are called that do not have the usual name, by what they hold.
    package var columns: [String: String]

    package init(
      connection: Template, table: String, every: Int64 = 1_000_000, batch: Int = 500, removal: Removal = .delete,
      columns: [String: String] = [:]
    ) {
      (self.connection, self.table, self.every, self.batch) = (connection, table, every, batch)
      (self.removal, self.columns) = (removal, columns)
    }

    /// What a row has, with the usual name of each column. The first four must be there.
    package static let columnNames = [
      ("id", "id"), ("type", "type"), ("subject", "subject"), ("data", "data"), ("time", "created_at"),
      ("headers", "headers"), ("failed", "failed"), ("done", "done_at"), ("order", "id"),
    ]
  }

  package var name: String
  package var file: String
  package var line: Int
  package var place: Place

  package init(name: String, file: String, line: Int, place: Place) {
    (self.name, self.file, self.line, self.place) = (name, file, line, place)
  }

  package var kind: String {
    switch place {
    case .http: "http"
    case .postgres: "postgres"
    }
  }

  /// The kind and the place as it was written, without secrets.
  package var summary: String {
    switch place {
    case .http(let place):
      "http POST /in/\(place.path), \(place.verification.map { "verified by \($0.scheme)" } ?? "not verified")"
    case .postgres(let place): "postgres \(place.connection), table \(place.table)"
    }
  }
}

/// How a request shows that it comes from whom it should. Each secret is wholly an environment variable's; any one of
/// several is enough, so that they can be changed one after the other.
package enum Verification: Sendable, Hashable {
  /// The signature of the Standard Webhooks specification: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
  case standardWebhooks(secrets: [Template])
  /// A MAC of the body in a header.
  case mac(MAC, secrets: [Template])
  /// The secret itself in a header, behind `prefix`.
  case token(header: String, prefix: String, secrets: [Template])

  package struct MAC: Sendable, Hashable {
    package enum Algorithm: String, Sendable, CaseIterable {
      case sha1, sha256, sha512
    }

    package enum Encoding: String, Sendable, CaseIterable {
      case hex, base64
    }

    package var header: String
    package var algorithm: Algorithm
    /// What stands before the MAC: `sha256=`.
    package var prefix: String
    package var encoding: Encoding

    package init(header: String, algorithm: Algorithm = .sha256, prefix: String = "", encoding: Encoding = .hex) {
      (self.header, self.algorithm, self.prefix, self.encoding) = (header, algorithm, prefix, encoding)
    }
  }

  /// As a script names it.
  package var scheme: String {
    switch self {
    case .standardWebhooks: "standard-webhooks"
    case .mac: "hmac"
    case .token: "token"
    }
  }

  package var secrets: [Template] {
    switch self {
    case .standardWebhooks(let secrets), .mac(_, let secrets), .token(_, _, let secrets): secrets
    }
  }
}
