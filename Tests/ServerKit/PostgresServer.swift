internal import Foundation
internal import Synchronization
internal import TestKit

/// A PostgreSQL server of a test's own on 127.0.0.1, from Debian's packages. Everybody may connect as `moondance`.
package final class PostgresServer: Sendable {
  /// Why tests with it are skipped, if they are.
  package static let missing = "PostgreSQL is not installed (Debian: postgresql)"
  package static var isInstalled: Bool { programs != nil }

  /// The same after a restart.
  package let port: UInt16
  private let folder = TemporaryFolder()
  private let process = Mutex<RunningProgram?>(nil)

  private static let programs: String? = {
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
    let newest = versions.compactMap { Int($0) }.max()
    guard let newest else { return nil }
    let path = "/usr/lib/postgresql/\(newest)/bin"
    return Program.find(["\(path)/postgres"]) == nil ? nil : path
  }()

  /// Makes a database and starts the server.
  /// - Parameter settings: more lines of postgresql.conf. Without any the server does not wait for its disk, which a
  ///   killed process survives.
  package init(settings: [String] = ["fsync = off"]) throws {
    guard let programs = Self.programs else { throw Program.Failed(description: Self.missing) }
    port = try Loopback.freePort()
    if getuid() == 0 { try Program.run("/bin/chown", ["postgres", folder.path]) }
    let initialize = Self.command(
      "\(programs)/initdb", ["-D", data, "-U", "moondance", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
    try Program.run(initialize[0], Array(initialize.dropFirst()))
    let lines = [
      "listen_addresses = '127.0.0.1'", "port = \(port)", "unix_socket_directories = '\(folder.path)'",
      "max_connections = 50", "shared_buffers = 16MB",
    ]
    let configuration = try FileHandle(forWritingTo: URL(filePath: "\(data)/postgresql.conf"))
    try configuration.seekToEnd()
    try configuration.write(contentsOf: Data(("\n" + (lines + settings).joined(separator: "\n") + "\n").utf8))
    try configuration.close()
    try start()
  }

  deinit { kill() }

  /// Ends it, and removes its folder: for a server that nothing deinitialises.
  package func remove() {
    kill()
    folder.remove()
  }

  private var data: String { "\(folder.path)/data" }

  /// For libpq.
  package var url: String { "postgres://moondance@127.0.0.1:\(port)/postgres" }

  /// Starts it again; returns when it answers.
  package func start() throws {
    guard let programs = Self.programs else { throw Program.Failed(description: Self.missing) }
    // After a kill the processes of the old sessions keep its memory for a moment, and the server does not start.
    try Program.wait(for: "PostgreSQL on port \(port)") {
      if process.withLock({ $0?.isRunning }) != true {
        let command = Self.command("\(programs)/postgres", ["-D", data])
        let started = try RunningProgram(command[0], Array(command.dropFirst()))
        process.withLock { $0 = started }
      }
      return (try? query("select 1")) == "1"
    }
  }

  /// Ends it and its sessions at once, but in good order.
  package func stop() { end(SIGINT) }

  /// As a crash does: the server and its sessions end at the same moment.
  package func kill() {
    guard let running = process.withLock({ $0 }), running.isRunning else { return }
    let number = running.identifier
    // It must not notice the death of its children.
    running.send(SIGSTOP)
    let children = (try? String(contentsOfFile: "/proc/\(number)/task/\(number)/children", encoding: .utf8)) ?? ""
    for child in children.split(separator: " ") { _ = Int32(child).map { Foundation.kill($0, SIGKILL) } }
    end(SIGKILL)
  }

  private func end(_ signal: Int32) {
    guard let running = process.withLock({ $0 }) else { return }
    running.send(signal)
    _ = try? running.wait()
  }

  /// What psql prints: a line for each row, with "|" between the columns.
  @discardableResult
  package func query(_ statement: String) throws -> String {
    guard let programs = Self.programs else { throw Program.Failed(description: Self.missing) }
    let printed = try Program.run(
      "\(programs)/psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, url])
    return String(printed.dropLast(printed.hasSuffix("\n") ? 1 : 0))
  }

  /// PostgreSQL does not run as root: there it runs as the user that Debian makes for it.
  private static func command(_ program: String, _ arguments: [String]) -> [String] {
    guard getuid() == 0 else { return [program] + arguments }
    let prefix = ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
    return prefix + [program] + arguments
  }
}
