internal import Scripts

extension HostStatus {
  /// The reader that goes by this name. Names are bytes: two spellings of one character differ.
  package func reader(named name: String) -> Reader? {
    readers.first { $0.name.utf8.elementsEqual(name.utf8) }
  }

  /// The name of a reader that was probably meant by one that there is not.
  package func name(near name: String) -> String? {
    NearestName.of(name, among: readers.map(\.name))
  }
}
