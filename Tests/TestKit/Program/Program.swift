internal import Foundation

/// Programs that a test runs.
package enum Program {
  package struct Failed: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
  }

  /// How a program ended, and what it printed.
  package struct Output: Sendable {
    /// Its exit code, or the number of the signal that ended it.
    package var code: Int32
    package var out: String
    package var err: String
  }

  /// Nothing that a test runs to its end takes so long, in seconds; what does is stuck.
  package static let patience = 300.0 * Double(Slowness.factor)

  /// Runs it to its end; gives what it printed to its output.
  /// - Throws: `Failed` with its error output when it is not there, is stuck, or ends with anything but 0.
  @discardableResult
  package static func run(_ path: String, _ arguments: [String], environment: [String: String] = [:]) throws -> String {
    let output = try RunningProgram(path, arguments, environment: environment).finish()
    guard output.code == 0 else {
      throw Failed(
        description:
          "\(path) \(arguments.joined(separator: " ")) ends with \(output.code): \(output.err)\(output.out)")
    }
    return output.out
  }

  /// The first of `paths` that can be run.
  package static func find(_ paths: [String]) -> String? {
    paths.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Waits until `condition` holds.
  /// - Throws: `Failed` with what it waited for when a minute has passed.
  package static func wait(for what: String, _ condition: () throws -> Bool) throws {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(60)
    while try !condition() {
      if clock.now > end { throw Failed(description: "waited a minute for \(what)") }
      Thread.sleep(forTimeInterval: 0.01)
    }
  }
}
