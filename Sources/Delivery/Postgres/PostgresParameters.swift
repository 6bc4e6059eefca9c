internal import Engine
internal import Scripts

/// A connection string that libpq can read, and everything of it that must not be shown.
struct PostgresParameters {
  let text: String
  let secrets: Secrets

  /// - text: `connection`, filled; `secrets`: with what.
  init(_ text: String, of connection: Template, _ secrets: Secrets) throws(DeliveryFailure) {
    guard let values = PostgresConnection.values(of: text) else {
      throw DeliveryFailure(.unavailable, "\(connection) is no connection string that PostgreSQL's library can read")
    }
    var secrets = secrets
    if case .environment(let name)? = connection.parts.first, connection.isEnvironment {
      for value in values { secrets.add(value, of: name) }
    }
    (self.text, self.secrets) = (text, secrets)
  }
}
