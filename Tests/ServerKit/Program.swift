internal import Foundation

/// A program that a test runs, to its end or as a server.
package enum Program {
  package struct Failed: Error, CustomStringConvertible {
    package let description: String
  }

  /// Runs it to its end; gives what it printed.
  /// - Throws: `Failed` with its error output when it is not there or ends with anything but 0.
  @discardableResult
  package static func run(_ path: String, _ arguments: [String], environment: [String: String] = [:]) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    // Files, as a pipe that nobody reads stops whoever fills it.
    let folder = FileManager.default.temporaryDirectory.appending(path: "moondance-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (out, err) = (folder.appending(path: "out"), folder.appending(path: "err"))
    for url in [out, err] { _ = FileManager.default.createFile(atPath: url.path, contents: nil) }
    process.standardOutput = try FileHandle(forWritingTo: out)
    process.standardError = try FileHandle(forWritingTo: err)
    process.standardInput = FileHandle.nullDevice
    do {
      try process.run()
    } catch {
      throw Failed(description: "\(path) cannot be run: \(error)")
    }
    process.waitUntilExit()
    let printed = (try? String(contentsOf: out, encoding: .utf8)) ?? ""
    guard process.terminationStatus == 0 else {
      let text = (try? String(contentsOf: err, encoding: .utf8)) ?? ""
      throw Failed(
        description:
          "\(path) \(arguments.joined(separator: " ")) ends with \(process.terminationStatus): \(text)\(printed)")
    }
    return printed
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
