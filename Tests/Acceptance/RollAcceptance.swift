import Foundation
import TestKit
import Testing

/// What can go wrong when a segment is full and the next one begins, with the real binary.
@Suite("The step to a new segment", AlmostFullSegment())
struct RollAcceptance {
  @Test(
    .enabled(if: SmallDisk.isPossible, Comment(rawValue: SmallDisk.needs)), .timeLimit(.minutes(2)),
    arguments: [0, 4096, 8192, 1 << 20])
  func `a disk that is full then is got over when there is room (faults 27–29)`(left: Int) async throws {
    let folder = TemporaryFolder()
    let disk = try SmallDisk(in: folder, megabytes: 300)
    let prepared = try AlmostFullSegment.copy(to: disk.path)
    let daemon = try DaemonProcess(handlers: prepared.handlers, data: prepared.data)
    let connection = try DoorConnection(port: daemon.port)
    try disk.fill(leaving: left)
    #expect(try connection.postBatch(AlmostFullSegment.batch).status == 507)
    #expect(try connection.request("GET", "/health/ready").status == 507)
    #expect(try connection.request("GET", "/events/1").status == 200)
    disk.makeRoom()
    try await eventually("the daemon to find that there is room") {
      let status = try connection.request("GET", "/health/ready").status
      return status == 200 ? nil : "\(status)"
    }
    let response = try connection.postBatch(AlmostFullSegment.batch)
    #expect(response.json["last"] as? Int == prepared.last + 8)
    #expect(daemon.stop() == 0)
    try prepared.check(acknowledged: prepared.last + 8, "\(left) bytes left")
  }

  @Test(.timeLimit(.minutes(2)))
  func `no more file descriptors are as a full disk, and new connections wait (fault 29)`() async throws {
    let folder = TemporaryFolder()
    let prepared = try AlmostFullSegment.copy(to: folder.path)
    let daemon = try DaemonProcess(handlers: prepared.handlers, data: prepared.data)
    let connection = try DoorConnection(port: daemon.port)
    #expect(try connection.request("GET", "/events/1").status == 200)
    let used = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(daemon.identifier)/fd").compactMap {
      Int($0)
    }
    let free = (0...).first { !used.contains($0) }!
    try Tool.limit("nofile", to: "\(free)", of: daemon.identifier)
    #expect(try connection.postBatch(AlmostFullSegment.batch).status == 507)
    #expect(try connection.request("GET", "/events/1").status == 200)
    #expect(try connection.request("GET", "/health/ready").status == 507)
    try Tool.limit("nofile", to: "1024", of: daemon.identifier)
    try await eventually("the daemon to find that there are descriptors") {
      let status = try connection.request("GET", "/health/ready").status
      return status == 200 ? nil : "\(status)"
    }
    let response = try DoorConnection(port: daemon.port).postBatch(AlmostFullSegment.batch)
    #expect(response.json["last"] as? Int == prepared.last + 8)
    #expect(daemon.stop() == 0)
    try prepared.check(acknowledged: prepared.last + 8, "no descriptors")
  }

  /// The calls of a roll, by the thread that makes them: header and group of the new segment are written by the engine;
  /// the seal of the old one, its sync, the sync of the new one, its name and the folder's sync are the sync thread's.
  static let calls = [
    ("pwrite64", 1), ("pwrite64", 2), ("fdatasync", 1), ("fsync", 1), ("renameat", 1), ("fsync", 2),
  ]

  @Test(
    .enabled(if: Tracer.mayAttach, Comment(rawValue: Tracer.attachNeeds)), .timeLimit(.minutes(5)), arguments: calls)
  func `an error at any call of it stops the daemon there, and nothing acknowledged is missing (faults 30–32)`(
    call: String, number: Int
  ) async throws {
    let folder = TemporaryFolder()
    let prepared = try AlmostFullSegment.copy(to: folder.path)
    let daemon = try DaemonProcess(handlers: prepared.handlers, data: prepared.data)
    let connection = try DoorConnection(port: daemon.port)
    let tracer = Tracer(file: folder.path + "/trace")
    _ = try await tracer.attach(to: daemon, fault: "\(call):error=EIO:when=\(number)")
    let response = try? connection.postBatch(AlmostFullSegment.batch)
    #expect(try await daemon.end() == 74)
    let calls = try await tracer.calls()
    let failed = try #require(calls.first { $0.isInjected }, "\(calls)")
    let output = daemon.finalOutput
    #expect(output.contains("Input/output error (errno 5)"), "\(failed): \(output)")
    #expect(calls.contains { $0.isInjected && output.contains($0.path.split(separator: "/").last!) }, "\(output)")
    if call != "pwrite64" {
      let again = calls.filter { $0.began > failed.ended && $0.name == call && $0.path == failed.path }
      #expect(again.isEmpty, "after \(failed): \(again)")
    }
    let acknowledged = response?.status == 201 ? prepared.last + 8 : prepared.last
    try prepared.check(acknowledged: acknowledged, "\(failed)")
  }

  @Test(
    .enabled(if: Tracer.mayAttach, Comment(rawValue: Tracer.attachNeeds)), .timeLimit(.minutes(5)), arguments: calls)
  func `a daemon that is killed at any call of it leaves a log that opens, with everything acknowledged (fault 20)`(
    call: String, number: Int
  ) async throws {
    let folder = TemporaryFolder()
    let prepared = try AlmostFullSegment.copy(to: folder.path)
    let daemon = try DaemonProcess(handlers: prepared.handlers, data: prepared.data)
    let connection = try DoorConnection(port: daemon.port)
    let tracer = Tracer(file: folder.path + "/trace")
    _ = try await tracer.attach(to: daemon, fault: "\(call):signal=SIGKILL:when=\(number)")
    let response = try? connection.postBatch(AlmostFullSegment.batch)
    _ = try await daemon.end()
    let acknowledged = response?.status == 201 ? prepared.last + 8 : prepared.last
    try prepared.check(acknowledged: acknowledged, "\(call) \(number)")
  }
}
