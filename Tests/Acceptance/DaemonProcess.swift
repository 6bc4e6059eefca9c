import Foundation
import FoundationNetworking
import TestKit
import Testing

/// The release binary, as a user has it.
enum Binary {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// `make test` builds it before the tests; `MOONDANCE_BINARY` names another one.
  static let path =
    ProcessInfo.processInfo.environment["MOONDANCE_BINARY"] ?? root.appending(path: ".build/release/moondance").path

  /// Runs a command to its end. `typed`: standard input is a terminal, at which somebody types this.
  static func run(
    _ arguments: [String], input: Data? = nil, typed: String? = nil, server: Int? = nil
  ) throws -> Program.Output {
    let environment = server.map { ["MOONDANCE_URL": "http://127.0.0.1:\($0)"] } ?? [:]
    let terminal = try typed.map { _ in try Terminal() }
    let source: RunningProgram.Input =
      if let terminal { .descriptor(terminal.inside.fileDescriptor) } else {
        input.map { .bytes(Array($0)) } ?? .nothing
      }
    let command = try RunningProgram(path, arguments, environment: environment, input: source)
    if let typed { try terminal?.outside.write(contentsOf: Data(typed.utf8)) }
    return try command.finish()
  }
}

/// A terminal without a screen.
struct Terminal {
  /// Where somebody types, and what the process sees as its terminal.
  let outside: FileHandle
  let inside: FileHandle

  struct Missing: Error {}

  init() throws {
    // What posix_openpt, unlockpt and ptsname do, which Glibc's module does not name.
    let (setLock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
    let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var (lock, number): (Int32, Int32) = (0, 0)
    guard master >= 0, ioctl(master, setLock, &lock) == 0, ioctl(master, getNumber, &number) == 0 else {
      throw Missing()
    }
    outside = FileHandle(fileDescriptor: master, closeOnDealloc: true)
    let slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard slave >= 0 else { throw Missing() }
    inside = FileHandle(fileDescriptor: slave, closeOnDealloc: true)
  }
}

/// A daemon of the release binary on a free port of 127.0.0.1, in a folder of its own.
final class DaemonProcess: Sendable {
  let port: Int
  private let program: RunningProgram

  struct StartFailed: Error, CustomStringConvertible {
    var description: String
    /// Its exit code.
    var code: Int32?
  }

  /// - wrapper: a program that replaces itself with the daemon, and its arguments. - environment: in addition.
  init(
    handlers: String, data: String, arguments: [String] = [], wrapper: [String] = [],
    environment: [String: String] = [:]
  ) throws {
    let command = wrapper + [Binary.path, "run", handlers, "--data", data, "--listen", "127.0.0.1:0"] + arguments
    program = try RunningProgram(command[0], Array(command.dropFirst()), environment: environment)
    var found: Int?
    let end = Date().addingTimeInterval(30)
    while found == nil {
      if let match = program.outputSoFar.firstMatch(of: /http:\/\/127\.0\.0\.1:(\d+)/) { found = Int(match.1) }
      guard program.isRunning, Date() < end else {
        if found != nil { break }
        program.send(SIGTERM)
        let ended = try program.finish()
        throw StartFailed(description: "the daemon did not start:\n\(ended.out)\(ended.err)", code: ended.code)
      }
      usleep(2000)
    }
    port = found!
  }

  /// What it has printed so far.
  var output: String { program.outputSoFar + program.errorsSoFar }
  /// Everything it has printed, after its end.
  var finalOutput: String {
    guard let ended = try? program.finish() else { return output }
    return ended.out + ended.err
  }
  var isRunning: Bool { program.isRunning }
  var identifier: Int32 { program.identifier }

  func kill() {
    program.send(SIGKILL)
    waitUntilExit()
  }

  /// Kills it when it has gone on for so long; the task is done when it is gone.
  func kill(after time: Duration) -> Task<Void, any Error> {
    let killAt = ContinuousClock.now + time
    return Task.detached {
      try await Task.sleep(until: killAt)
      self.kill()
    }
  }

  /// SIGTERM; returns the exit code.
  @discardableResult
  func stop() -> Int32 {
    program.send(SIGTERM)
    return waitUntilExit()
  }

  /// Returns the exit code. A daemon that does not end fails the test, and is killed.
  @discardableResult
  func waitUntilExit() -> Int32 {
    do {
      return try program.wait(atMost: 90)
    } catch {
      Issue.record(error)
      return SIGKILL
    }
  }

  /// Waits until it has ended by itself.
  func end(within seconds: Double = 30) async throws -> Int32 {
    try await eventually(within: seconds, "the end of the daemon") { isRunning ? output : nil }
    return waitUntilExit()
  }

  func run(_ arguments: String..., input: Data? = nil, typed: String? = nil) throws -> Program.Output {
    try Binary.run(arguments, input: input, typed: typed, server: port)
  }

  struct Response {
    var status: Int
    var body: Data
    var headers: [String: String]
    var json: [String: Any] { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:] }
  }

  /// One request on a connection of the shared session.
  func request(
    _ method: String, _ path: String, body: Data? = nil, headers: [String: String] = [:]
  ) async throws -> Response {
    var request = URLRequest(url: URL(string: "http://127.0.0.1:\(port)\(path)")!)
    request.httpMethod = method
    request.httpBody = body
    request.timeoutInterval = 60
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    let (data, response) = try await URLSession.shared.data(for: request)
    let http = response as! HTTPURLResponse
    var fields: [String: String] = [:]
    for (name, value) in http.allHeaderFields { fields["\(name)".lowercased()] = "\(value)" }
    return Response(status: http.statusCode, body: data, headers: fields)
  }

  func get(_ path: String) async throws -> Response { try await request("GET", path) }

  func status() async throws -> [String: Any] { try await get("/status").json }

  /// Sends events, as a JSON array.
  func postBatch(_ body: Data) async throws -> Response {
    try await request(
      "POST", "/events", body: body, headers: ["content-type": "application/cloudevents-batch+json"])
  }

  /// Waits until every consumer has read to the head and the head is durable.
  func settle(within seconds: Double = 60) async throws {
    try await eventually(within: seconds, "every consumer at the head") {
      let status = try await self.status()
      let log = status["log"] as? [String: Any] ?? [:]
      let consumers = status["consumers"] as? [[String: Any]] ?? []
      let head = log["head"] as? Int ?? -1
      let isDone = head == log["durable"] as? Int && consumers.allSatisfy { $0["lag"] as? Int == 0 }
      return isDone ? nil : "\(log) \(consumers.map { "\($0["name"] ?? ""): \($0["lag"] ?? "")" })"
    }
  }

  /// Every event of the log, as the API gives them.
  func allEvents() async throws -> [[String: Any]] {
    var events: [[String: Any]] = []
    var next = 1
    while true {
      let page = try await get("/events?from=\(next)&limit=1000").json
      let some = page["events"] as? [[String: Any]] ?? []
      events += some
      guard !some.isEmpty, let following = page["next"] as? Int else { return events }
      next = following
    }
  }
}

/// Waits for a condition; `check` gives nil when it holds, else what it saw.
func eventually(within seconds: Double = 30, _ what: String, _ check: () async throws -> String?) async throws {
  let end = ContinuousClock.now + .seconds(seconds)
  while true {
    guard let seen = try await check() else { return }
    if ContinuousClock.now > end {
      throw DaemonProcess.StartFailed(description: "waited \(seconds) s for \(what); last seen: \(seen)")
    }
    try await Task.sleep(for: .milliseconds(10))
  }
}

extension [String: Any] {
  var position: Int { self["position"] as? Int ?? (self["position"] as? String).flatMap { Int($0) } ?? 0 }
  func text(_ name: String) -> String { self[name] as? String ?? "" }
  var cause: Int { Int(text("causationid")) ?? 0 }
}
