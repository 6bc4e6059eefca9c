/// The destinations of a generation, by name. Any thread.
package struct DestinationSet: Sendable {
  private let destinations: [[UInt8]: DestinationDeclaration]

  init(_ consumers: [ConsumerDeclaration] = []) {
    let declared = consumers.compactMap { consumer in
      consumer.destination.map { (Array(consumer.name.utf8), $0) }
    }
    destinations = Dictionary(declared) { first, _ in first }
  }

  package subscript(name: UnsafeRawBufferPointer) -> DestinationDeclaration? {
    destinations.isEmpty ? nil : destinations[Array(name)]
  }

  /// A destination that was probably meant by one that there is not.
  func near(_ name: String) -> String? {
    NearestName.of(name, among: destinations.keys.map { String(decoding: $0, as: UTF8.self) }.sorted())
  }
}
