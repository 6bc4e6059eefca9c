internal import Events

/// What a `process` adds to the declaration of a consumer: which events begin, end and go on with its instances. Its handlers
/// are the patterns of all of these, and they have no functions.
package struct ProcessDeclaration: Sendable {
  /// Begin an instance for a key that has none.
  package let starts: [TypePattern]
  /// Make an instance roll back at its next wait.
  package let aborts: [TypePattern]
  /// Can be awaited.
  package let hears: [TypePattern]
  /// Where `run` begins.
  package let line: Int

  /// Whether `await` may name this type.
  package func canAwait(_ type: String) -> Bool { hears.contains { $0.matches(type) } }

  /// Compensations that one instance may have before it.
  package static let maximumCompensations = 1000
}
