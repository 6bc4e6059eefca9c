/// Why a view has no answer.
package struct ViewError: Error, Sendable, CustomStringConvertible {
  package enum Code: Sendable {
    /// No script declares a projection of this name.
    case noView
    /// The view has no document of this key.
    case noDocument
    /// The question makes no sense: a field, an order or a place to go on that there cannot be.
    case badQuery
    /// views.db cannot be read now; later it may.
    case notReady
    /// The view has not read that far within the time that was given.
    case late
    /// A past moment that would take too long to find.
    case tooFar
    /// The host is stopping.
    case stopping
  }

  package let code: Code
  /// A sentence for whoever asked.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
