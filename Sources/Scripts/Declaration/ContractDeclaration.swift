package import Events

/// A `contract`: what events of a type look like, and how older ones become like it.
package struct ContractDeclaration: Sendable {
  /// The event type.
  package let type: String
  package let file: String
  package let line: Int
  /// 1…65,535. An event carries the version that it was checked against; 0: there was no contract, which counts as 1.
  package let version: UInt16
  /// Nil: everything is allowed.
  package let schema: Schema?

  /// Whether events that carry `version` have to be upcast.
  package func isOlder(_ version: UInt16) -> Bool { max(version, 1) < self.version }
}

/// The contracts of a generation, for whoever lets events in. Any thread.
package struct ContractSet: Sendable {
  private let contracts: [[UInt8]: ContractDeclaration]

  package init(_ contracts: [ContractDeclaration] = []) {
    self.contracts = Dictionary(uniqueKeysWithValues: contracts.map { (Array($0.type.utf8), $0) })
  }

  package var isEmpty: Bool { contracts.isEmpty }
  /// In the order of their types.
  package var all: [ContractDeclaration] { contracts.values.sorted { $0.type < $1.type } }

  package subscript(type: UnsafeRawBufferPointer) -> ContractDeclaration? {
    contracts.isEmpty ? nil : contracts[Array(type)]
  }

  package struct Refusal: Error, Sendable, Equatable {
    /// Of the entry in the batch.
    package let index: Int
    package let type: String
    package let violation: SchemaViolation
  }

  /// Checks every entry of a batch from `start` on that has a contract, and notes its version in it.
  package func check(_ batch: EntryBatch, from start: Int = 0) throws(Refusal) {
    if contracts.isEmpty { return }
    for index in start..<batch.count {
      let entry = batch.entry(index)
      guard let contract = self[entry.type] else { continue }
      if let schema = contract.schema {
        do throws(SchemaViolation) {
          guard entry.dataEncoding != .binary else {
            throw SchemaViolation(path: "data", what: "is no JSON; \(schema.wanted) is wanted")
          }
          try SchemaCheck.check(entry.data, schema)
        } catch {
          throw Refusal(index: index, type: contract.type, violation: error)
        }
      }
      batch.setContractVersion(contract.version, ofEntry: index)
    }
  }
}
