import Foundation
import TestKit
import Testing

/// Faults 52–57 with the real binary: what can happen to a folder of scripts while events stream in.
@Suite("A handlers folder in bad hands")
struct FolderAcceptance {
  private static func handler(_ version: Int) -> String {
    """
    consumer "versioned" { on = { Ping = function(event) emit("Pong", { version = \(version), n = event.data.n }) end } }
    """
  }

  /// What is done to `work.lua` in the folder, and what the daemon says of it; nothing where it is a deploy like any
  /// other: without its file the consumer is removed, and goes on where it was when it comes back.
  static let harms: [(name: String, says: String?, harm: @Sendable (String) throws -> Void)] = [
    ("half a file", "work.lua:1", { try write(String(handler(2).prefix(60)), $0) }),
    ("no file", nil, { unlink($0) }),
    ("a folder", "is a folder", { mkdir($0, 0o755) }),
    ("a pipe that nobody writes to", "pipe", { mkfifo($0, 0o644) }),
    ("a link to itself", "link", { symlink("work.lua", $0) }),
    ("a link to nothing", "link", { symlink("nowhere.lua", $0) }),
    ("ten megabytes", "a script may have 131072", { try write("--" + String(repeating: "x", count: 10 << 20), $0) }),
    (
      "bytecode", "compiled Lua",
      { try Data([0x1B, 0x4C, 0x75, 0x61, 0x54, 0, 0x19, 0x93]).write(to: URL(filePath: $0)) }
    ),
    ("what is no text", "UTF-8", { try Data([0x2D, 0x2D, 0xFF, 0xFE]).write(to: URL(filePath: $0)) }),
  ]

  private static func write(_ text: String, _ path: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
  }

  /// Puts one in the place of the other at a stroke, so that the daemon never sees the folder without it, and removes the
  /// other. Where nothing is staged, the file is removed.
  private static func exchange(_ path: String, _ staged: String) throws {
    var status = stat()
    let (isThere, isStaged) = (lstat(path, &status) == 0, lstat(staged, &status) == 0)
    if !isStaged { return try FileManager.default.removeItem(atPath: path) }
    if !isThere { return try FileManager.default.moveItem(atPath: staged, toPath: path) }
    // Glibc's module does not name it, nor its flag that exchanges.
    typealias Rename = @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
    let rename = unsafeBitCast(try #require(dlsym(nil, "renameat2")), to: Rename.self)
    guard rename(AT_FDCWD, staged, AT_FDCWD, path, 2) == 0 else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
    try FileManager.default.removeItem(atPath: staged)
  }

  /// Sends one event after the other until told to stop, and returns how many.
  private func sending(to daemon: DaemonProcess) -> Task<Int, any Error> {
    Task.detached {
      var sent = 0
      let connection = try DoorConnection(port: daemon.port)
      while !Task.isCancelled {
        let response = try connection.postBatch(Pings.batch(sent..<(sent + 1)))
        guard response.status == 201 else { throw DaemonProcess.StartFailed(description: "\(response)") }
        sent += 1
        // Room for the daemon on a machine of two cores.
        try? await Task.sleep(for: .milliseconds(1))
      }
      return sent
    }
  }

  private func generation(_ daemon: DaemonProcess) async throws -> (number: Int, error: String) {
    let generation = try await daemon.status()["generation"] as? [String: Any] ?? [:]
    return (generation["number"] as? Int ?? 0, generation["error"] as? String ?? "")
  }

  @Test(.timeLimit(.minutes(3)))
  func `the old generation stays until a good one is whole, whatever lies there instead, and no event is left out`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["work.lua": Self.handler(1)], below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    let sender = sending(to: daemon)
    let (path, staged) = (handlers + "/work.lua", folder.path + "/staged.lua")
    var version = 1
    for (name, says, harm) in Self.harms {
      try harm(staged)
      try Self.exchange(path, staged)
      if says == nil { version += 1 }
      try await eventually(within: 15, "\(name) to be noticed") {
        let seen = try await generation(daemon)
        let isNoticed = says.map { seen.error.contains($0) } ?? seen.error.isEmpty
        return isNoticed && seen.number == version ? nil : "\(seen)"
      }
      version += 1
      try Self.write(Self.handler(version), staged)
      try Self.exchange(path, staged)
      try await eventually(within: 15, "the folder to be mended after \(name)") {
        let seen = try await generation(daemon)
        return seen.error.isEmpty && seen.number == version ? nil : "\(seen)"
      }
    }
    sender.cancel()
    let sent = try await sender.value
    try await daemon.settle()
    let events = try await daemon.allEvents()
    let pings = events.filter { $0.text("type") == "Ping" }
    let pongs = events.filter { $0.text("type") == "Pong" }
    #expect(pings.count == sent)
    #expect(pongs.map(\.cause).sorted() == pings.map(\.position), "each is handled once")
    let versions = pongs.compactMap { ($0["data"] as? [String: Any])?["version"] as? Int }
    #expect(versions == versions.sorted(), "by one generation after the other")
    #expect(Set(versions).isSubset(of: Set(1...version)) && Set(versions).count > 2)
    #expect(daemon.stop() == 0)
  }

  @Test(.timeLimit(.minutes(2)))
  func `a thousand saves in a second are a few deploys, the last one wins, and every event is handled once (fault 56)`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["work.lua": Self.handler(0)], below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    let sender = sending(to: daemon)
    let began = ContinuousClock.now
    for number in 1...1000 {
      try Self.handler(number).write(toFile: handlers + "/work.lua", atomically: number % 2 == 0, encoding: .utf8)
      let due = began + .milliseconds(number)
      if due > .now { try await Task.sleep(until: due) }
    }
    try await eventually(within: 20, "the last one to be live") {
      let scripts = (try await daemon.status()["generation"] as? [String: Any])?["scripts"] as? [[String: Any]] ?? []
      guard try daemon.run("emit", "Ping", "--subject", "last", "--data", #"{"n":1}"#).code == 0 else { return "no" }
      try await daemon.settle()
      let pong = try await daemon.allEvents().last { $0.text("type") == "Pong" && $0.text("subject") == "last" }
      return (pong?["data"] as? [String: Any])?["version"] as? Int == 1000 ? nil : "\(scripts)"
    }
    sender.cancel()
    _ = try await sender.value
    try await daemon.settle()
    let deploys = try await generation(daemon).number
    #expect((2...20).contains(deploys), "\(deploys) deploys")
    let events = try await daemon.allEvents()
    let pings = events.filter { $0.text("type") == "Ping" }
    #expect(events.filter { $0.text("type") == "Pong" }.map(\.cause).sorted() == pings.map(\.position))
    #expect(daemon.stop() == 0)
  }

  @Test(.timeLimit(.minutes(2)))
  func
    `a script that changes in the middle of its retries is tried at once, and attempts name their script (fault 55)`()
    async throws
  {
    let folder = TemporaryFolder()
    let broken = #"""
      consumer "work" { retry = { first = "10m" }, on = { Ping = function(event) error("version one") end } }
      """#
    let handlers = try folder.write(["work.lua": broken], below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    _ = try daemon.run("emit", "Ping", "--subject", "s", "--data", #"{"n":1}"#)
    try await eventually("the first attempt") { daemon.output.contains("version one (attempt 1") ? nil : daemon.output }
    try Self.write(broken.replacing("version one", with: "version two"), handlers + "/work.lua")
    try await eventually("the attempt of the new code") {
      daemon.output.contains("version two (attempt 1") ? nil : daemon.output
    }
    try Self.write(Self.handler(3).replacing("versioned", with: "work"), handlers + "/work.lua")
    try await eventually("the mended code") {
      let events = try await daemon.allEvents()
      return events.contains { $0.text("type") == "Pong" } ? nil : daemon.output
    }
    #expect(try await daemon.allEvents().count == 2)
    #expect(daemon.stop() == 0)
  }
}
