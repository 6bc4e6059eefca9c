import Events
import Scripts

/// A state that is worth a file, once everything in it is durable. Whoever is given it writes it where it blocks nobody.
package struct KeptSubject: Sendable {
  let aggregate: String
  let key: KeyBytes
  let code: ContentHash
  let json: [UInt8]
  let through: UInt64
  let commit: UInt64
}

extension EngineCore {
  /// What is durable of the states that wait for it goes to their files.
  func keepStates() {
    while let first = keeping.first, first.commit <= durableCommit {
      keeping.removeFirst()
      hands.keep(first)
    }
  }
}

extension EngineHands {
  /// A host without files folds again.
  package func keep(_ state: KeptSubject) {}
}
