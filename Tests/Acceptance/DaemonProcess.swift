import Foundation
import FoundationNetworking
import Synchronization
import TestKit
import Testing

/// The release binary, as a user has it.
enum Binary {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// `make test` builds it before the tests; `MOONDANCE_BINARY` names another one.
  static let url: URL = {
    if let named = ProcessInfo.processInfo.environment["MOONDANCE_BINARY"] { return URL(filePath: named) }
    return root.appending(path: ".build/release/moondance")
  }()

  struct Output {
    var code: Int32
    var out: String
    var err: String
  }

  /// Runs a command to its end. `typed`: standard input is a terminal, at which somebody types this.
  static func run(
    _ arguments: [String], input: Data? = nil, typed: String? = nil, server: Int? = nil
  ) throws -> Output {
    let process = Process()
    process.executableURL = url
    process.arguments = arguments
    var environment = ProcessInfo.processInfo.environment
    if let server { environment["MOONDANCE_URL"] = "http://127.0.0.1:\(server)" }
    process.environment = environment
    let (out, err, standardInput) = (Collector(), Collector(), Pipe())
    process.standardOutput = out.pipe
    process.standardError = err.pipe
    process.standardInput = input == nil ? FileHandle.nullDevice : standardInput
    let terminal = typed == nil ? nil : try Terminal()
    if let terminal { process.standardInput = terminal.inside }
    try process.run()
    if let typed { try terminal?.outside.write(contentsOf: Data(typed.utf8)) }
    if let input {
      DispatchQueue.global().async {
        try? standardInput.fileHandleForWriting.write(contentsOf: input)
        try? standardInput.fileHandleForWriting.close()
      }
    }
    process.waitUntilExit()
    return Output(code: process.terminationStatus, out: out.finish(), err: err.finish())
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

/// Gathers what a process prints while it runs, on a thread of its own: a handle's readability handler may miss the end.
final class Collector: Sendable {
  let pipe = Pipe()
  private let text = Mutex("")
  private let ended = DispatchSemaphore(value: 0)

  init() {
    let reading = pipe.fileHandleForReading
    Thread.detachNewThread { [self] in
      while true {
        let data = reading.availableData
        if data.isEmpty { break }
        text.withLock { $0 += String(decoding: data, as: UTF8.self) }
      }
      ended.signal()
    }
  }

  var soFar: String { text.withLock { $0 } }

  func finish() -> String {
    ended.wait()
    ended.signal()
    return soFar
  }
}

/// A daemon of the release binary on a free port of 127.0.0.1, in a folder of its own.
final class DaemonProcess: Sendable {
  let port: Int
  private let process: Process
  private let out: Collector
  private let err: Collector

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
    let process = Process()
    let command =
      wrapper + [Binary.url.path, "run", handlers, "--data", data, "--listen", "127.0.0.1:0"] + arguments
    process.executableURL = URL(filePath: command[0])
    process.arguments = Array(command.dropFirst())
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    (out, err) = (Collector(), Collector())
    process.standardOutput = out.pipe
    process.standardError = err.pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    self.process = process
    var found: Int?
    let end = Date().addingTimeInterval(30)
    while found == nil {
      if let match = out.soFar.firstMatch(of: /http:\/\/127\.0\.0\.1:(\d+)/) { found = Int(match.1) }
      guard process.isRunning, Date() < end else {
        if found != nil { break }
        process.terminate()
        process.waitUntilExit()
        throw StartFailed(
          description: "the daemon did not start:\n\(out.finish())\(err.finish())", code: process.terminationStatus)
      }
      usleep(2000)
    }
    port = found!
  }

  /// What it has printed so far.
  var output: String { out.soFar + err.soFar }
  /// Everything it has printed, after its end.
  var finalOutput: String { out.finish() + err.finish() }
  var isRunning: Bool { process.isRunning }
  var identifier: Int32 { process.processIdentifier }

  func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
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
    process.terminate()
    process.waitUntilExit()
    return process.terminationStatus
  }

  func waitUntilExit() -> Int32 {
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// Waits until it has ended by itself.
  func end(within seconds: Double = 30) async throws -> Int32 {
    try await eventually(within: seconds, "the end of the daemon") { process.isRunning ? output : nil }
    return waitUntilExit()
  }

  func run(_ arguments: String..., input: Data? = nil, typed: String? = nil) throws -> Binary.Output {
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
