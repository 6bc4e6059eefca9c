#if os(Linux)
  import Foundation
  import TestKit
  import Testing

  /// Calls that do not come back, with the real binary: one of its workers is stopped in the middle of a call.
  @Suite("A call that does not come back", .enabled(if: StoppedThread.isAllowed, "no thread can be stopped here"))
  struct StuckCallAcceptance {
    private static let handlers = [
      "long.lua": """
      consumer "long" {
        retry = { attempts = 20, first = "100ms", factor = 1, jitter = 0 },
        on = { Long = function(event)
          local sum = 0
          for i = 1, 4000000 do sum = sum + i end
          emit("LongDone", { n = event.data.n })
        end },
      }
      """,
      "short.lua": """
      consumer "short" { on = { Short = function(event) emit("ShortDone", { n = event.data.n }) end } }
      """,
    ]

    private static func post(_ type: String, _ numbers: Range<Int>, to daemon: DaemonProcess) async throws {
      let events = numbers.map { number in
        """
        {"specversion":"1.0","id":"\(type)\(number)","source":"/stuck","type":"\(type)","subject":"s-\(number % 3)",\
        "data":{"n":\(number)}}
        """
      }
      let response = try await daemon.postBatch(Data("[\(events.joined(separator: ","))]".utf8))
      #expect(response.status == 201)
    }

    private static func state(of consumer: String, _ daemon: DaemonProcess) async throws -> String {
      let consumers = try await daemon.status()["consumers"] as? [[String: Any]] ?? []
      return consumers.first { $0.text("name") == consumer }?.text("state") ?? ""
    }

    private static func done(_ type: String, _ daemon: DaemonProcess) async throws -> [[String: Any]] {
      try await daemon.allEvents().filter { $0.text("type") == type }
    }

    @Test(.timeLimit(.minutes(2)))
    func `is given up, its key alone waits, and once it is back everything is done, in order and once`() async throws {
      let folder = TemporaryFolder()
      let daemon = try DaemonProcess(
        handlers: try folder.write(Self.handlers, below: "handlers"), data: folder.path + "/data")
      defer { daemon.kill() }
      try await Self.post("Long", 0..<30, to: daemon)
      let stopped = try await StoppedThread.busyWorker(of: daemon.identifier)
      var isStopped = true
      defer { if isStopped { stopped.letGo() } }
      try await eventually(within: 10, "the status to name the consumer") {
        let state = try await Self.state(of: "long", daemon)
        return state == "stuck" ? nil : state
      }
      try await Self.post("Short", 0..<1000, to: daemon)
      try await eventually(within: 10, "the other consumer and the other keys") {
        let seen = (try await Self.done("ShortDone", daemon).count, try await Self.done("LongDone", daemon).count)
        return seen.0 == 1000 && seen.1 >= 20 ? nil : "\(seen)"
      }
      #expect(try await Self.done("LongDone", daemon).count < 30)
      #expect(try await Self.state(of: "long", daemon) == "stuck")
      #expect(daemon.output.contains("its worker is given up"))

      stopped.letGo()
      isStopped = false
      try await eventually(within: 20, "the rest") {
        let done = try await Self.done("LongDone", daemon).count
        return done == 30 ? nil : "\(done)"
      }
      #expect(try await Self.state(of: "long", daemon) == "running")
      let done = try await Self.done("LongDone", daemon)
      #expect(Set(done.map(\.cause)).count == 30)
      for (_, ofSubject) in Dictionary(grouping: done, by: { $0.text("subject") }) {
        #expect(ofSubject.map(\.cause) == ofSubject.map(\.cause).sorted())
      }
      #expect(daemon.stop() == 0)
    }

    @Test(.timeLimit(.minutes(2)))
    func `does not hold up SIGTERM, and the next start does what it was part of`() async throws {
      let folder = TemporaryFolder()
      let handlers = try folder.write(Self.handlers, below: "handlers")
      let data = folder.path + "/data"
      do {
        let daemon = try DaemonProcess(handlers: handlers, data: data)
        defer { daemon.kill() }
        try await Self.post("Long", 0..<30, to: daemon)
        let stopped = try await StoppedThread.busyWorker(of: daemon.identifier)
        let began = ContinuousClock.now
        kill(daemon.identifier, SIGTERM)
        stopped.awaitEnd()
        #expect(daemon.waitUntilExit() == 0)
        #expect(ContinuousClock.now - began < .seconds(8))
        #expect(daemon.output.contains("stopped"))
      }
      let daemon = try DaemonProcess(handlers: handlers, data: data)
      defer { daemon.kill() }
      try await eventually(within: 20, "all of it") {
        let done = try await Self.done("LongDone", daemon)
        return Set(done.map(\.cause)).count == 30 && done.count == 30 ? nil : "\(done.count)"
      }
      #expect(daemon.stop() == 0)
    }
  }
#endif
