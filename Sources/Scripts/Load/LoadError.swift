/// Why a script does not load: where, what, and what to write instead.
package struct LoadError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The path within the handlers folder.
  package let file: String
  /// From 1; nil when the whole file is meant.
  package let line: Int?
  /// The first line: what is wrong.
  package let what: String
  /// The second line: what to write.
  package let hint: String?

  package init(file: String, line: Int? = nil, what: String, hint: String? = nil) {
    self.file = file
    self.line = line
    self.what = what
    self.hint = hint
  }

  /// `file:line: what`, and the hint below it, indented.
  package var description: String {
    let place = line.map { "\(file):\($0)" } ?? file
    return "\(place): \(what)" + (hint.map { "\n  \($0)" } ?? "")
  }
}

/// Every error of a set of scripts, by file and line.
package struct LoadErrors: Error, Sendable, CustomStringConvertible {
  package let errors: [LoadError]

  /// Sorts by file and line and drops repetitions.
  package init(_ errors: [LoadError]) {
    var seen: Set<LoadError> = []
    let unique = errors.filter { seen.insert($0).inserted }
    self.errors = unique.enumerated().sorted { left, right in
      (left.element.file, left.element.line ?? 0, left.offset)
        < (right.element.file, right.element.line ?? 0, right.offset)
    }.map(\.element)
  }

  package var description: String { errors.map(\.description).joined(separator: "\n") }
}
