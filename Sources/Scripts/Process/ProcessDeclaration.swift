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
  /// Those of `hears` that do not go by the key: the last ones of it, in its order.
  package let named: [Named]
  /// Where `run` begins.
  package let line: Int

  private let hearing: Hearing

  /// An entry of `hears` with a name: heard by every instance whose start event has the subject of the event at this path.
  package struct Named: Sendable, Equatable {
    package let pattern: TypePattern
    /// `["subject"]`, or `data` and what stands in it.
    package let path: [String]

    /// As it is declared.
    package var pathText: String { path.joined(separator: ".") }
  }

  init(starts: [TypePattern], aborts: [TypePattern], hears: [TypePattern], named: [Named], line: Int) {
    (self.starts, self.aborts, self.hears, self.named, self.line) = (starts, aborts, hears, named, line)
    hearing = Hearing(hears)
  }

  /// The index in `named` of the entry that an event of this type goes by; nil: it goes by the key. The exact type counts
  /// first, then the longest beginning.
  package func named(forType type: UnsafeRawBufferPointer) -> Int? {
    guard !named.isEmpty, let entry = hearing.index(forType: type) else { return nil }
    let index = entry - (hears.count - named.count)
    return index >= 0 ? index : nil
  }

  /// The path that a pattern of `hears` goes by, as it is declared; nil: it goes by the key.
  package func path(of pattern: TypePattern) -> String? { named.first { $0.pattern == pattern }?.pathText }

  /// Whether `await` may name this type.
  package func canAwait(_ type: String) -> Bool { hears.contains { $0.matches(type) } }

  /// What the host tells the instance that it is addressed to, and nobody else.
  static let answers = ["moondance.answered", "moondance.decided", "moondance.process"]

  package static func isAnswer(_ type: UnsafeRawBufferPointer) -> Bool {
    NameRule.isHostType(type) && answers.contains { $0.utf8.elementsEqual(type) }
  }

  /// Compensations that one instance may have before it.
  package static let maximumCompensations = 1000
}
