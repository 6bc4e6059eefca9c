internal import Scripts

/// Which readers an operator speaks of. Consumers and destinations have lists, addresses and letters of their own: what is
/// said of all of one kind must not touch the other.
package enum ReaderScope: Sendable, Hashable {
  case all
  /// Whoever calls a script: consumers and aggregates.
  case consumers
  case destinations

  package func contains(_ kind: ReaderChange.Kind) -> Bool {
    switch self {
    case .all: true
    case .consumers: kind != .destination
    case .destinations: kind == .destination
    }
  }
}

extension HostStatus.Reader {
  package var isDestination: Bool { kind == ReaderChange.Kind.destination.description }
}

extension HostStatus {
  package func readers(in scope: ReaderScope) -> [Reader] {
    switch scope {
    case .all: readers
    case .consumers: readers.filter { !$0.isDestination }
    case .destinations: readers.filter(\.isDestination)
    }
  }

  /// The reader that goes by this name. Names are bytes: two spellings of one character differ.
  package func reader(named name: String, in scope: ReaderScope = .all) -> Reader? {
    readers(in: scope).first { $0.name.utf8.elementsEqual(name.utf8) }
  }

  /// The name of a reader that was probably meant by one that there is not.
  package func name(near name: String, in scope: ReaderScope = .all) -> String? {
    NearestName.of(name, among: readers(in: scope).map(\.name))
  }
}
