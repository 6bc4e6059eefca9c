import Foundation
import TestKit
import Testing

/// Faults 27–29 with the real binary: a disk that is full, a file that may not grow.
@Suite("A full disk")
struct FullDiskAcceptance {
  /// Sends batches of ten, one after the other, until one is not taken; returns its response and the next number.
  /// What is taken goes into `acknowledged`.
  private func sendUntilRefused(
    _ connection: DoorConnection, from first: Int, _ acknowledged: inout Set<Int>
  ) throws -> (refusal: DaemonProcess.Response, next: Int) {
    var next = first
    while true {
      let response = try connection.postBatch(Pings.batch(next..<(next + 10), dataBytes: 2000))
      guard response.status == 201 else { return (response, next) }
      acknowledged.formUnion(next..<(next + 10))
      next += 10
      try #require(next < first + 100_000, "the disk never gets full")
    }
  }

  private func send(_ numbers: Range<Int>, to daemon: DaemonProcess, _ acknowledged: inout Set<Int>) throws {
    let connection = try DoorConnection(port: daemon.port)
    for first in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 10) {
      #expect(try connection.postBatch(Pings.batch(first..<(first + 10), dataBytes: 2000)).status == 201)
      acknowledged.formUnion(first..<(first + 10))
    }
  }

  /// It refuses appends and says so everywhere, and serves what needs no room.
  private func expectFull(_ daemon: DaemonProcess, _ refusal: DaemonProcess.Response) async throws {
    #expect(refusal.status == 507)
    #expect(refusal.headers["content-type"] == "application/problem+json")
    #expect(try await daemon.get("/health/ready").status == 507)
    #expect(try await daemon.get("/health/live").status == 200)
    let warnings = try await daemon.status()["warnings"] as? [String] ?? []
    #expect(warnings.contains { $0.contains("the disk is full") }, "\(warnings)")
    #expect(try daemon.run("status").out.contains("WARNING: the disk is full"))
    let emitted = try daemon.run("emit", "Ping", "--subject", "s-1", "--data", #"{"n":1}"#)
    #expect(emitted.code == 1 && emitted.err.contains("room"), "\(emitted.err)")
    #expect(try await daemon.get("/events?from=1&limit=5").json["events"] as? [Any] != nil)
    #expect(daemon.output.contains("the disk is full"))
  }

  private func becomesReady(_ daemon: DaemonProcess) async throws {
    try await eventually(within: 20, "the daemon to find that there is room") {
      let ready = try await daemon.get("/health/ready")
      return ready.status == 200 ? nil : "\(ready.status)"
    }
    let warnings = try await daemon.status()["warnings"] as? [String]
    #expect(warnings == [])
  }

  private func expectGood(_ handlers: String, _ data: String, _ acknowledged: Set<Int>) async throws {
    let verified = try Binary.run(["log", "verify", data])
    #expect(verified.code == 0, "\(verified.out)\(verified.err)")
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    try await daemon.settle()
    let events = try await daemon.allEvents()
    #expect(Pings.problem(in: events, acknowledged: acknowledged) == nil)
    #expect(daemon.stop() == 0)
  }

  @Test(.enabled(if: SmallDisk.isPossible, Comment(rawValue: SmallDisk.needs)), .timeLimit(.minutes(2)))
  func `appends get 507, reads go on, and when there is room it goes on by itself (faults 27–29)`() async throws {
    let folder = TemporaryFolder()
    let disk = try SmallDisk(in: folder, megabytes: 8)
    try disk.fill(leaving: 4 << 20)
    let handlers = try folder.write(Pings.handlers, below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: disk.path + "/data")
    var acknowledged: Set<Int> = []
    let connection = try DoorConnection(port: daemon.port)
    let (refusal, next) = try sendUntilRefused(connection, from: 0, &acknowledged)
    try await expectFull(daemon, refusal)
    let durable = try await daemon.status()["log"] as? [String: Any]
    #expect(durable?["head"] as? Int == durable?["durable"] as? Int)

    disk.makeRoom()
    // Nobody appends meanwhile: it finds out by itself.
    try await becomesReady(daemon)
    // What was refused is sent again and is there once.
    try send(max(0, next - 20)..<(next + 20), to: daemon, &acknowledged)
    try await daemon.settle()
    #expect(Pings.problem(in: try await daemon.allEvents(), acknowledged: acknowledged) == nil)
    #expect(daemon.stop() == 0)
    try await expectGood(handlers, disk.path + "/data", acknowledged)
  }

  @Test(.enabled(if: SmallDisk.isPossible, Comment(rawValue: SmallDisk.needs)), .timeLimit(.minutes(2)))
  func `a daemon that is killed on a full disk, or started on one, loses nothing (faults 27–29)`() async throws {
    let folder = TemporaryFolder()
    let disk = try SmallDisk(in: folder, megabytes: 4)
    let handlers = try folder.write(Pings.handlers, below: "handlers")
    let data = disk.path + "/data"
    try disk.fill(leaving: 2 << 20)
    var acknowledged: Set<Int> = []
    do {
      let daemon = try DaemonProcess(handlers: handlers, data: data)
      _ = try sendUntilRefused(try DoorConnection(port: daemon.port), from: 0, &acknowledged)
      try disk.fill()
      daemon.kill()
    }
    // It either starts and waits for room, or says that there is none.
    do {
      let daemon = try DaemonProcess(handlers: handlers, data: data)
      daemon.kill()
    } catch let error as DaemonProcess.StartFailed {
      #expect(error.code == 1 && error.description.contains("No space left on device"), "\(error)")
    }
    disk.makeRoom()
    try await expectGood(handlers, data, acknowledged)
  }

  @Test(.timeLimit(.minutes(2)))
  func `a file that may not grow is a full disk, not the end of the process (fault 29)`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Pings.handlers, below: "handlers")
    let daemon = try DaemonProcess(
      handlers: handlers, data: folder.path + "/data", wrapper: ["/usr/bin/prlimit", "--fsize=\(2 << 20):"])
    var acknowledged: Set<Int> = []
    let connection = try DoorConnection(port: daemon.port)
    let (refusal, next) = try sendUntilRefused(connection, from: 0, &acknowledged)
    try await expectFull(daemon, refusal)
    try Tool.limit("fsize", to: "unlimited", of: daemon.identifier)
    try await becomesReady(daemon)
    try send(next..<(next + 20), to: daemon, &acknowledged)
    #expect(daemon.stop() == 0)
    try await expectGood(handlers, folder.path + "/data", acknowledged)
  }

  @Test(.enabled(if: SmallDisk.isPossible, Comment(rawValue: SmallDisk.needs)), .timeLimit(.minutes(2)))
  func `a snapshot that finds no room is told and made later, and appends go on meanwhile (faults 27–29)`()
    async throws
  {
    let folder = TemporaryFolder()
    let disk = try SmallDisk(in: folder, megabytes: 128)
    // The sources of the scripts are part of a snapshot: these make it some megabytes long.
    let long = "--" + String(repeating: " moon", count: 24_000) + "\nreturn {}\n"
    var files = Pings.handlers
    files["big.lua"] = "local function all()\n"
    for number in 0..<40 { files["lib/m\(number).lua"] = "-- \(number)\n" + long }
    files["big.lua"] =
      (0..<40).map { "require \"lib.m\($0)\"\n" }.joined() + #"consumer "big" { on = { Big = function() end } }"#
    let handlers = try folder.write(files, below: "handlers")
    let data = disk.path + "/data"
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    // A snapshot is due when the log has grown by 64 MiB, of which the deploy has taken some already: then there is room
    // for less than the snapshot takes.
    try disk.fill(leaving: 64 << 20)
    var acknowledged: Set<Int> = []
    let connection = try DoorConnection(port: daemon.port)
    var next = 0
    while !daemon.output.contains("no snapshot") {
      let bytes = (try await daemon.status()["log"] as? [String: Any])?["bytes"] as? Int ?? 0
      // Half a megabyte at a time, and little once the snapshot is due.
      let isDue = bytes > 65 << 20
      let response = try connection.postBatch(Pings.batch(next..<(next + 1), dataBytes: isDue ? 10 : 500_000))
      // A snapshot that is being written has all the room for a moment.
      try #require(response.status == 201 || isDue && response.status == 507)
      if response.status == 201 {
        acknowledged.insert(next)
        next += 1
      }
      if isDue { try await Task.sleep(for: .milliseconds(20)) }
    }
    #expect(daemon.output.contains("No space left on device"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: data + "/snapshots") == [])
    try await eventually("appends to go on") {
      let status = try connection.postBatch(Pings.batch(next..<(next + 1))).status
      return status == 201 ? nil : "\(status)"
    }
    acknowledged.insert(next)
    disk.makeRoom()
    try await daemon.settle()
    #expect(daemon.stop() == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: data + "/snapshots").count == 1)
    try await expectGood(handlers, data, acknowledged)
  }
}
