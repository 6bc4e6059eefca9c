/// What a `destination` says of where its messages go and how. How it is read and retried is in the
/// `ConsumerDeclaration` that carries it.
package struct DestinationDeclaration: Sendable, Hashable {
  /// The kinds of places that messages go to.
  package enum Place: Sendable, Hashable {
    case http(HTTPPlace)
    case nats(NATSPlace)
    case postgres(PostgresPlace)
    /// One NDJSON line a message; the name of a file in the data folder's `outbox/`.
    case file(String)
  }

  package struct HTTPPlace: Sendable, Hashable {
    package var url: Template
    package var method: String
    package var headers: [Header]
    /// The secret of the Standard Webhooks signature; wholly an environment variable.
    package var sign: Template?

    package init(url: Template, method: String = "POST", headers: [Header] = [], sign: Template? = nil) {
      (self.url, self.method, self.headers, self.sign) = (url, method, headers, sign)
    }
  }

  package struct Header: Sendable, Hashable {
    package var name: String
    package var value: Template

    package init(name: String, value: Template) { (self.name, self.value) = (name, value) }
  }

  package struct NATSPlace: Sendable, Hashable {
    package var url: Template
    package var subject: Template
    /// Publishes into JetStream and waits for the stream's acknowledgement; else core NATS, which acknowledges a flush.
    package var isStream: Bool

    package init(url: Template, subject: Template, isStream: Bool) {
      (self.url, self.subject, self.isStream) = (url, subject, isStream)
    }
  }

  package struct PostgresPlace: Sendable, Hashable {
    /// A libpq connection string or URI.
    package var connection: Template
    /// `name` or `schema.name`.
    package var table: String

    package init(connection: Template, table: String) { (self.connection, self.table) = (connection, table) }
  }

  /// What goes out as the body.
  package enum Body: String, Sendable, CaseIterable {
    /// What the script gave to `publish`, as JSON.
    case own = "json"
    /// A CloudEvent 1.0 (structured, JSON) whose `data` is what the script gave.
    case cloudEvent = "cloudevent"
  }

  package var place: Place
  package var body: Body
  /// The longest an attempt may take, in µs.
  package var timeout: Int64
  /// Attempts at once, of different keys.
  package var concurrency: Int
  /// The projection whose documents are its targets; nil: it has one.
  package var each: String?

  package init(
    place: Place, body: Body = .own, timeout: Int64 = 10_000_000, concurrency: Int = 16, each: String? = nil
  ) {
    (self.place, self.body, self.timeout, self.concurrency, self.each) = (place, body, timeout, concurrency, each)
  }
}

extension DestinationDeclaration.Place {
  /// The variables of the daemon's environment that it is made of, each once.
  package var environment: [String] {
    let templates: [Template?] =
      switch self {
      case .http(let place): [place.url, place.sign] + place.headers.map(\.value)
      case .nats(let place): [place.url, place.subject]
      case .postgres(let place): [place.connection]
      case .file: []
      }
    let names = templates.compactMap { $0 }.flatMap(\.parts).compactMap { part in
      if case .environment(let name) = part { name } else { nil }
    }
    return Set(names).sorted()
  }

  /// The kind and the place as it was written: `http {env:WAREHOUSE_URL}`.
  package var summary: String {
    switch self {
    case .http(let place): "http \(place.url)"
    case .nats(let place): "nats \(place.url), \(place.isStream ? "stream " : "")subject \(place.subject)"
    case .postgres(let place): "postgres \(place.connection), table \(place.table)"
    case .file(let name): "file \(name)"
    }
  }
}
