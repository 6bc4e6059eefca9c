import Foundation
import TestKit
import Testing

/// Faults 30–32 with the real binary: the system's own calls fail once, and everything seems fine afterwards.
@Suite("A disk that fails", .enabled(if: Tracer.isPossible, Comment(rawValue: Tracer.needs)))
struct DiskErrorAcceptance {
  /// A short life of a daemon under strace: start, some events, SIGTERM. Returns what it acknowledged, how it ended and
  /// what it said.
  private func life(
    _ handlers: String, _ data: String, _ tracer: Tracer, fault: String
  ) async throws -> (acknowledged: Set<Int>, code: Int32, output: String) {
    var acknowledged: Set<Int> = []
    let daemon: DaemonProcess
    do {
      daemon = try DaemonProcess(handlers: handlers, data: data, wrapper: tracer.wrapper(fault: fault))
    } catch let error as DaemonProcess.StartFailed {
      return ([], error.code ?? -1, error.description)
    }
    let connection = try? DoorConnection(port: daemon.port)
    for number in 0..<3 {
      guard let response = try? connection?.postBatch(Pings.batch(number..<(number + 1))), response.status == 201 else {
        break
      }
      acknowledged.insert(number)
    }
    let code = daemon.stop()
    return (acknowledged, code, daemon.finalOutput)
  }

  @Test(arguments: ["pwrite64", "fdatasync", "fsync", "renameat"])
  func `an error at any call of a short life ends it there, with file and reason, and nothing acknowledged is missing`(
    call: String
  ) async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Pings.handlers, below: "handlers")
    var number = 1
    while true {
      let data = folder.path + "/data-\(number)"
      let tracer = Tracer(file: folder.path + "/trace-\(number)")
      let (acknowledged, code, output) = try await life(
        handlers, data, tracer, fault: "\(call):error=EIO:when=\(number)")
      let calls = try await tracer.calls()
      guard let failed = calls.first(where: { $0.isInjected }) else {
        #expect(code == 0, "\(output)")
        break
      }
      // Whose number stands in the lock file is only for people: not being able to write it down harms nothing.
      if !failed.path.hasSuffix("/lock") {
        #expect(code == 1 || code == 74, "\(failed): \(output)")
        #expect(output.contains("Input/output error (errno 5)"), "\(failed): \(output)")
        #expect(output.contains(failed.path.split(separator: "/").last ?? "?"), "\(failed): \(output)")
      }
      if failed.name != "pwrite64" {
        let again = calls.filter { $0.began > failed.ended && $0.path == failed.path && $0.name == failed.name }
        #expect(again.isEmpty, "after \(failed): \(again)")
      }
      let daemon = try DaemonProcess(handlers: handlers, data: data)
      try await daemon.settle()
      let problem = Pings.problem(in: try await daemon.allEvents(), acknowledged: acknowledged)
      #expect(problem == nil, "\(failed)")
      #expect(daemon.stop() == 0)
      number += 1
    }
    #expect(number > 2, "nothing was injected")
  }

  private static let views = """
    projection "pings" {
      initial = { count = 0 },
      on = { Ping = function(subject) subject.count = subject.count + 1 end },
    }
    """

  @Test(.timeLimit(.minutes(3)), arguments: ["pwrite64", "fdatasync", "ftruncate"])
  func `an error at a call for views.db keeps the views waiting and nobody else, and the next start makes them whole`(
    call: String
  ) async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Pings.handlers.merging(["views.lua": Self.views]) { $1 }, below: "handlers")
    var (number, step) = (1, 1)
    var injected = 0
    var isTold = false
    while true {
      let data = folder.path + "/data-\(number)"
      let tracer = Tracer(
        file: folder.path + "/trace-\(number)", only: ["", "-wal", "-shm"].map { data + "/views.db" + $0 })
      let (acknowledged, code, output) = try await life(
        handlers, data, tracer, fault: "\(call):error=EIO:when=\(number)")
      #expect(acknowledged == [0, 1, 2] && code == 0, "\(call) \(number): \(output)")
      isTold = isTold || output.contains("the views wait: views.db cannot be written: disk I/O error")
      let isInjected = try await tracer.calls().contains { $0.isInjected }
      let daemon = try DaemonProcess(handlers: handlers, data: data)
      try await daemon.settle()
      try await eventually("the view") {
        let found = try await daemon.get("/views/pings").json["documents"] as? [[String: Any]] ?? []
        let counts = found.compactMap { ($0["document"] as? [String: Any])?["count"] as? Int }
        return counts == [1, 1, 1] ? nil : "\(call) \(number): \(found) \(daemon.output)"
      }
      #expect(daemon.stop() == 0)
      guard isInjected else { break }
      injected += 1
      // Every call at the beginning, and then fewer and fewer of them.
      (number, step) = (number + step, step + (injected > 5 ? 1 : 0))
    }
    #expect(injected > 0, "nothing was injected")
    if call == "pwrite64" { #expect(isTold) }
  }

  @Test(.enabled(if: Tracer.mayAttach, Comment(rawValue: Tracer.attachNeeds)))
  func `a sync that fails once stops a busy daemon with exit code 74, and nobody was told what it held (fault 31)`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Pings.handlers, below: "handlers")
    let data = folder.path + "/data"
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    let connection = try DoorConnection(port: daemon.port)
    for first in stride(from: 0, to: 100, by: 10) {
      #expect(try connection.postBatch(Pings.batch(first..<(first + 10))).status == 201)
    }
    try await daemon.settle()
    let tracer = Tracer(file: folder.path + "/trace")
    _ = try await tracer.attach(to: daemon, fault: "fdatasync:error=EIO:when=1")
    #expect(throws: (any Error).self) { try connection.postBatch(Pings.batch(100..<110)) }
    #expect(try await daemon.end() == 74)
    let segment = data + "/log/00000000000000000001.seg"
    #expect(daemon.finalOutput.contains("fdatasync \(segment): Input/output error (errno 5)"))
    let calls = try await tracer.calls()
    let failed = try #require(calls.first { $0.isInjected })
    #expect(failed.path == segment)
    let later = calls.filter { $0.began > failed.ended && ["fdatasync", "fsync"].contains($0.name) }
    #expect(later.isEmpty, "\(later)")

    let again = try DaemonProcess(handlers: handlers, data: data)
    try await again.settle()
    #expect(Pings.problem(in: try await again.allEvents(), acknowledged: Set(0..<100)) == nil)
    #expect(again.stop() == 0)
  }

  @Test(
    .enabled(if: Tracer.mayAttach, Comment(rawValue: Tracer.attachNeeds)), .timeLimit(.minutes(2)),
    arguments: [("pwrite64", 1), ("pwrite64", 2), ("fsync", 1), ("renameat", 1), ("fsync", 2)])
  func `an error in the last snapshot of a stop ends it with exit code 74, and the next start reads the log instead`(
    call: String, number: Int
  ) async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Pings.handlers, below: "handlers")
    let data = folder.path + "/data"
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    #expect(try DoorConnection(port: daemon.port).postBatch(Pings.batch(0..<100)).status == 201)
    try await daemon.settle()
    // The witness, which is written a second after the last sync, is not what is meant here.
    try await eventually("the witness to be written") {
      let witness = try Data(contentsOf: URL(filePath: data + "/witness"))
      let head = (try await daemon.status()["log"] as? [String: Any])?["head"] as? Int
      // Each of its two slots holds the position that it knows at offset 48 (docs/log-format.md).
      let known = [48, 512 + 48].map { at in witness[at..<(at + 8)].reversed().reduce(0) { $0 << 8 | Int($1) } }
      return known.max() == head ? nil : "\(known)"
    }
    let tracer = Tracer(file: folder.path + "/trace")
    _ = try await tracer.attach(to: daemon, fault: "\(call):error=EIO:when=\(number)")
    #expect(daemon.stop() == 74)
    let calls = try await tracer.calls()
    let failed = try #require(calls.first { $0.isInjected }, "\(calls)")
    let output = daemon.finalOutput
    #expect(output.contains("the log cannot go on"), "\(output)")
    #expect(output.contains(failed.path.split(separator: "/").last!), "\(failed): \(output)")
    if call != "pwrite64" {
      let again = calls.filter { $0.began > failed.ended && $0.name == call && $0.path == failed.path }
      #expect(again.isEmpty, "after \(failed): \(again)")
    }
    let next = try DaemonProcess(handlers: handlers, data: data)
    try await next.settle()
    #expect(Pings.problem(in: try await next.allEvents(), acknowledged: Set(0..<100)) == nil)
    #expect(next.stop() == 0)
  }
}
