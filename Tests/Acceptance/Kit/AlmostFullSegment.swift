import Foundation
import TestKit
import Testing

/// A data folder whose segment has no room for one more batch: the next one begins a new segment. Made once for a suite.
struct AlmostFullSegment: SuiteTrait, TestScoping {
  struct Prepared: Sendable {
    var data: String
    var handlers: String
    /// The last position that was acknowledged.
    var last: Int
  }

  @TaskLocal static var current: Prepared?

  static let segmentBytes = 256 << 20
  /// A consumer that hears nothing of this, so that the log grows by what is sent and by nothing else.
  private static let handlers = ["quiet.lua": #"consumer "quiet" { on = { Quiet = function() end } }"#]

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let data = folder.path + "/data"
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    let connection = try DoorConnection(port: daemon.port)
    var (last, grown, bytes) = (0, 0, 0)
    while bytes + grown + 4096 < Self.segmentBytes {
      let response = try connection.postBatch(Self.batch)
      guard response.status == 201 else { throw DaemonProcess.StartFailed(description: "\(response)") }
      last = response.json["last"] as? Int ?? 0
      let now = (try await daemon.status()["log"] as? [String: Any])?["bytes"] as? Int ?? 0
      (grown, bytes) = (now - bytes, now)
    }
    daemon.kill()
    try await Self.$current.withValue(Prepared(data: data, handlers: handlers, last: last)) { try await function() }
  }

  /// Eight events of half a megabyte.
  static let batch: Data = {
    let pad = String(repeating: "x", count: 500_000)
    let event = #"{"specversion":"1.0","type":"Large","subject":"s","data":{"pad":"\#(pad)"}}"#
    return Data("[\(Array(repeating: event, count: 8).joined(separator: ","))]".utf8)
  }()

  /// A copy to break, below `folder`.
  static func copy(to folder: String) throws -> Prepared {
    var prepared = try #require(current)
    let output = Tool.run("/bin/cp", ["-r", prepared.data, folder + "/data"])
    try #require(output?.code == 0, "\(output?.err ?? "")")
    prepared.data = folder + "/data"
    return prepared
  }
}

extension AlmostFullSegment.Prepared {
  /// The names of the segments, also of those that are not finished.
  var segments: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: data + "/log")) ?? []
    return names.filter { $0.contains(".seg") && !$0.hasSuffix(".broken") }.sorted()
  }

  /// The log is good and has everything that was acknowledged, and a daemon goes on with it.
  func check(acknowledged: Int, _ what: String) throws {
    // The first start after a crash may have a torn end to cut off.
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    let response = try DoorConnection(port: daemon.port).postBatch(AlmostFullSegment.batch)
    #expect(response.status == 201, "\(what)")
    #expect(daemon.stop() == 0, "\(what)")
    let last = response.json["last"] as? Int ?? 0
    #expect(last == acknowledged + 8 || last == acknowledged + 16, "\(what): \(last), acknowledged \(acknowledged)")
    let verified = try Binary.run(["log", "verify", data, "--json"])
    #expect(verified.code == 0, "\(what): \(verified.out)")
    #expect(verified.out.contains("\"entries\" : \(last),"), "\(what): \(verified.out)")
    #expect(segments.count == 2, "\(what): \(segments)")
  }
}
