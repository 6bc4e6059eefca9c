import Foundation
import Platform

/// The daemon as its users run it: a process of its own, behind its door.
final class DaemonProcess {
  let port: Int
  /// From its start to the moment when it says that it is ready, in seconds.
  let readyAfter: Double
  private let process: ChildProcess
  private let output: Pipe

  /// - handlers, data: folders; those of the data is made when it is missing.
  init(_ run: BenchRun, handlers: String, data: String) throws {
    output = Pipe()
    let arguments = ["run", handlers, "--data", data, "--listen", "127.0.0.1:0", "--workers", "\(run.workers)"]
    let printed = output.fileHandleForWriting
    let start = ContinuousClock.now
    process = try ChildProcess(
      run.program, arguments, output: printed.fileDescriptor, errors: printed.fileDescriptor)
    try printed.close()
    do {
      port = try Self.port(output.fileHandleForReading)
      let socket = try LocalSocket(port: port)
      let ready = Array("GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8)
      while try socket.ask(ready).status != 200 {
        try run.goOn()
        usleep(1000)
      }
    } catch {
      Self.end(process, SIGTERM)
      throw error
    }
    readyAfter = (ContinuousClock.now - start).seconds
  }

  deinit { stop() }

  /// Runs `body` with a daemon that is stopped afterwards, however it ends.
  static func with<Result>(
    _ run: BenchRun, handlers: String, data: String, _ body: (DaemonProcess) async throws -> Result
  ) async throws -> Result {
    let daemon = try DaemonProcess(run, handlers: handlers, data: data)
    defer { daemon.stop() }
    return try await body(daemon)
  }

  /// In good order.
  func stop() { Self.end(process, SIGTERM) }

  /// As when the machine fails.
  func kill() { Self.end(process, SIGKILL) }

  /// One that does not stop within a minute is killed.
  private static func end(_ process: ChildProcess, _ signal: Int32) {
    process.send(signal)
    guard process.wait(atMost: 60) == nil else { return }
    process.send(SIGKILL)
    _ = process.wait(atMost: 60)
  }

  /// What it says when it listens: a line with its address.
  private static func port(_ output: FileHandle) throws -> Int {
    var said = ""
    while true {
      let part = output.availableData
      guard !part.isEmpty else { throw BenchError("the daemon does not start:\n\(said)") }
      said += String(decoding: part, as: UTF8.self)
      if let match = said.firstMatch(of: /http:\/\/127\.0\.0\.1:(\d+)\s/), let port = Int(match.1) { return port }
    }
  }

  /// In RAM now, in MB.
  var resident: Double { memory("VmRSS:") }
  /// The most that ever was in RAM, in MB.
  var peak: Double { memory("VmHWM:") }

  private func memory(_ field: String) -> Double {
    let status = (try? String(contentsOfFile: "/proc/\(process.identifier)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix(field) }
    return (line?.split(separator: " ").dropLast().last.flatMap { Double($0) } ?? 0) * 1024 / 1e6
  }

  /// How long its threads have run, those that have ended included, in seconds.
  var processorSeconds: Double {
    var clock = clockid_t()
    var time = timespec()
    guard clock_getcpuclockid(process.identifier, &clock) == 0, clock_gettime(clock, &time) == 0 else {
      return 0
    }
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

extension BenchRun {
  /// A folder with scripts, one file.
  func handlers(_ source: String) throws -> String {
    let folder = newFolder()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try source.write(toFile: folder + "/bench.lua", atomically: true, encoding: .utf8)
    return folder
  }

  /// Scripts that hear nothing of what is measured.
  func quietHandlers() throws -> String {
    try handlers(#"consumer "quiet" { on = { Nothing = function(event) emit("Never", event.data) end } }"#)
  }
}
