package import Wire

/// The views as the door asks for them. Called from any task; what blocks happens elsewhere.
package protocol ViewReading: Sendable {
  /// How every view is; none while they are not open.
  func list() async -> [StatusReport.View]

  /// Documents of a view, and up to where it has read the log.
  func answer(_ question: ViewQuestion) async throws(Problem) -> ViewAnswer

  /// Folds a view anew, beside the one that answers.
  func rebuild(_ name: String) async throws(Problem)
}

/// What `GET /views/{name}` and `GET /views/{name}/{key}` ask for.
package struct ViewQuestion: Sendable, Equatable {
  /// A past moment.
  package enum Moment: Sendable, Equatable {
    case position(UInt64)
    /// µs since 1970: everything that was committed up to then.
    case time(Int64)
  }

  package var view: String
  /// Nil: all documents that the conditions choose.
  package var key: String?
  /// Each `FIELD=VALUE`.
  package var conditions: [String] = []
  /// Only keys that stay as they are since folding failed.
  package var isFrozenOnly = false
  package var order: String?
  package var limit: Int?
  package var after: String?
  package var moment: Moment?
  /// The view must have read this position before it answers.
  package var position: UInt64?
  /// How long it may take to get there.
  package var wait: Duration = .seconds(2)

  package init(view: String) { self.view = view }
}

package struct ViewAnswer: Sendable {
  /// Up to where the view had read the log.
  package var position: UInt64
  package var json: [UInt8]

  package init(position: UInt64, json: [UInt8]) { (self.position, self.json) = (position, json) }
}
