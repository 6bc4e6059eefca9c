import TestKit

/// Programs of the system that the tests use.
enum Tool {
  /// Runs a program to its end. Nil when there is no such program.
  static func run(_ path: String, _ arguments: [String]) -> Program.Output? {
    try? RunningProgram(path, arguments).finish()
  }

  /// Sets a limit of a running process: `nofile`, `fsize`, `as`. The hard limit stays, so that it can be taken back.
  static func limit(_ resource: String, to value: String, of process: Int32) throws {
    let output = run("/usr/bin/prlimit", ["--pid", "\(process)", "--\(resource)=\(value):"])
    guard let output, output.code == 0 else {
      throw DaemonProcess.StartFailed(description: "prlimit (Debian: util-linux): \(output?.err ?? "is missing")")
    }
  }
}
