/// What a consumer remembers of each key: `state`, `version` and `upgrade` of its declaration.
package struct StateDeclaration: Sendable, Hashable {
  /// What a key begins with: JSON, its keys in the fixed order. A state with these bytes is not stored.
  package let initial: [UInt8]
  /// From 1. A state that an older version wrote is upgraded before a handler sees it.
  package let version: UInt32

  /// The largest state, as JSON, in bytes.
  package static let maximumBytes = 64 << 10
}

/// A state on its way into a call.
package struct StateInput {
  /// JSON; nil: the declared one.
  package let json: [UInt8]?
  /// Of the declaration that wrote it.
  package let version: UInt32

  package init(json: [UInt8]?, version: UInt32) { (self.json, self.version) = (json, version) }
}
