import Foundation

/// A fixed piece of work on one thread, whose instructions `make bench-check` counts.
///
/// What `prepare` does is not counted, what it returns is.
package struct CountedWork: Sendable {
  package let name: String
  package let summary: String
  /// How many events, calls or documents it is about: the count is also shown for one of them.
  package let units: Int
  let prepare: @Sendable (_ folder: String) throws -> () throws -> Void

  package static let all: [CountedWork] =
    [
      .append, .dedupe, .react, .wide, .skip, .decide, .rule, .timer, .process, .fold, .decode, .stream, .encode,
      .recover,
    ]

  package static func named(_ name: String) -> CountedWork? { all.first { $0.name == name } }

  /// Does it once, in a temporary folder in `parent`.
  package func run(in parent: String) throws {
    let folder = parent + "/bench-\(ProcessInfo.processInfo.processIdentifier)-\(name)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try countedRegion(try prepare(folder))
  }
}

/// Callgrind counts what happens in here: scripts/bench-check names this function.
@inline(never)
private func countedRegion(_ work: () throws -> Void) rethrows { try work() }
