import Foundation
import Synchronization
import TestKit
import Testing

/// Faults 35 and 80 with the real binary: a disk that is slow, memory that is used up.
@Suite("More than the machine can take")
struct OverloadAcceptance {
  struct Answers {
    var acknowledged = 0
    var refused = 0
    /// Connections that ended without an answer.
    var broken = 0
    var retryAfter: Set<String> = []
  }

  /// Many connections at once, each sending batches of eight events until one is not taken.
  private func flood(_ daemon: DaemonProcess, connections: Int, batches: Int) async -> Answers {
    let pad = String(repeating: "x", count: 900_000)
    let event = #"{"specversion":"1.0","type":"Large","subject":"s","data":{"pad":"\#(pad)"}}"#
    let body = Data("[\(Array(repeating: event, count: 8).joined(separator: ","))]".utf8)
    let answers = Collected()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<connections {
        group.addTask {
          await withCheckedContinuation { done in
            // Blocking work, on a thread of its own.
            Thread.detachNewThread {
              Self.send(body, batches, to: daemon, answers)
              done.resume()
            }
          }
        }
      }
    }
    return answers.all.withLock { $0 }
  }

  private final class Collected: Sendable {
    let all = Mutex(Answers())
  }

  private static func send(_ body: Data, _ batches: Int, to daemon: DaemonProcess, _ answers: Collected) {
    guard let connection = try? DoorConnection(port: daemon.port) else { return }
    for _ in 0..<batches {
      guard let response = try? connection.postBatch(body) else { return answers.all.withLock { $0.broken += 1 } }
      answers.all.withLock { all in
        if response.status == 201 { all.acknowledged += 8 } else { all.refused += 1 }
        if response.status == 503 { all.retryAfter.insert(response.headers["retry-after"] ?? "none") }
      }
      if response.status != 201 { return }
    }
  }

  private func residentBytes(of process: Int32) -> Int {
    let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
    return (status.firstMatch(of: /VmHWM:\s+(\d+) kB/).flatMap { Int($0.1) } ?? 0) * 1024
  }

  @Test(
    .enabled(if: Tracer.mayAttach, Comment(rawValue: Tracer.attachNeeds)), .timeLimit(.minutes(2)))
  func `while a sync takes five seconds appends wait, memory is bounded, and then 503 is answered (fault 35)`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Pings.handlers, below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    let tracer = Tracer(file: folder.path + "/trace")
    // The delay is counted by each thread; one of them syncs.
    let attached = try await tracer.attach(to: daemon, fault: "fdatasync:delay_exit=5000000:when=1")
    let began = ContinuousClock.now
    let answers = await flood(daemon, connections: 32, batches: 4)
    #expect(ContinuousClock.now - began > .seconds(4.5), "nobody was acknowledged before the sync")
    #expect(answers.broken == 0)
    #expect(answers.acknowledged > 0)
    #expect(answers.refused > 0, "230 MB at once were all taken in")
    #expect(answers.retryAfter == ["1"])
    try attached.detach()
    let peak = residentBytes(of: daemon.identifier)
    #expect(peak < 700 << 20, "\(peak) bytes")
    // The disk is quick again.
    let response = try DoorConnection(port: daemon.port).postBatch(Pings.batch(0..<8))
    #expect(response.status == 201)
    try await daemon.settle()
    let log = try await daemon.status()["log"] as? [String: Any]
    #expect(log?["head"] as? Int == answers.acknowledged + 24, "8 pings, 8 pongs, 8 pangs")
    #expect(daemon.stop() == 0)
    let verified = try Binary.run(["log", "verify", folder.path + "/data"])
    #expect(verified.code == 0, "\(verified.out)")
  }

  @Test(.timeLimit(.minutes(2)))
  func `a daemon that runs out of memory dies or refuses, and nothing acknowledged is missing (fault 80)`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Pings.handlers, below: "handlers")
    let data = folder.path + "/data"
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    let statm = try String(contentsOfFile: "/proc/\(daemon.identifier)/statm", encoding: .utf8)
    let pages = Int(statm.split(separator: " ")[0])!
    // Room for a few of the batches that come.
    try Tool.limit("as", to: "\(pages * 4096 + 40 << 20)", of: daemon.identifier)
    let answers = await flood(daemon, connections: 16, batches: 8)
    #expect(answers.broken + answers.refused > 0, "the limit was not felt")
    if daemon.isRunning { daemon.kill() }
    let again = try DaemonProcess(handlers: handlers, data: data)
    try await again.settle()
    let log = try await again.status()["log"] as? [String: Any]
    let head = try #require(log?["head"] as? Int)
    // What was not answered may be in as well.
    #expect(head >= answers.acknowledged && head <= answers.acknowledged + 8 * answers.broken)
    #expect(again.stop() == 0)
    let verified = try Binary.run(["log", "verify", data])
    #expect(verified.code == 0, "\(verified.out)")
  }
}
