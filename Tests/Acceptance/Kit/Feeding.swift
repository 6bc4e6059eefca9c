import Foundation
import TestKit
import Testing

/// The same events on several ways into a daemon.
struct Feeding {
  /// By file name.
  let handlers: [String: String]
  /// CloudEvents, as JSON has them.
  let events: [[String: any Sendable]]

  /// Sends parts of a size, each to a daemon that is still there or has just been started again, and gives what `said`
  /// finds when everything is handled.
  func run(
    parts size: Int, restarts: Bool, _ said: (DaemonProcess) async throws -> [String]
  ) async throws -> [String] {
    let folder = TemporaryFolder()
    let handlers = try folder.write(handlers, below: "handlers")
    let data = folder.path + "/data"
    var daemon = try DaemonProcess(handlers: handlers, data: data)
    var ends = 0
    for start in stride(from: 0, to: events.count, by: size) {
      try await send(events[start..<min(start + size, events.count)], to: daemon)
      guard restarts else { continue }
      // Killed and stopped in turn, with reactions under way.
      if ends % 2 == 0 { daemon.kill() } else { daemon.stop() }
      ends += 1
      daemon = try DaemonProcess(handlers: handlers, data: data)
    }
    try await daemon.settle()
    let result = try await said(daemon)
    #expect(ends == (restarts ? events.count / size : 0))
    daemon.stop()
    return result
  }

  private func send(_ events: ArraySlice<[String: any Sendable]>, to daemon: DaemonProcess) async throws {
    let isOne = events.count == 1
    let body = try JSONSerialization.data(withJSONObject: isOne ? events.first! : Array(events))
    let type = isOne ? "application/cloudevents+json" : "application/cloudevents-batch+json"
    let response = try await daemon.request("POST", "/events", body: body, headers: ["content-type": type])
    try #require(response.status == 201, "\(response.json)")
  }
}
