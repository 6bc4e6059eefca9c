import Foundation

/// Programs of the system that the tests use.
enum Tool {
  /// Runs a program to its end. Nil when there is no such program.
  static func run(_ path: String, _ arguments: [String]) -> Binary.Output? {
    guard access(path, X_OK) == 0 else { return nil }
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    let (out, err) = (Collector(), Collector())
    process.standardOutput = out.pipe
    process.standardError = err.pipe
    process.standardInput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    process.waitUntilExit()
    return Binary.Output(code: process.terminationStatus, out: out.finish(), err: err.finish())
  }

  /// Sets a limit of a running process: `nofile`, `fsize`, `as`. The hard limit stays, so that it can be taken back.
  static func limit(_ resource: String, to value: String, of process: Int32) throws {
    let output = run("/usr/bin/prlimit", ["--pid", "\(process)", "--\(resource)=\(value):"])
    guard let output, output.code == 0 else {
      throw DaemonProcess.StartFailed(description: "prlimit (Debian: util-linux): \(output?.err ?? "is missing")")
    }
  }
}
