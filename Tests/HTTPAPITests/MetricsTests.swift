import Engine
import Events
import Foundation
import Metering
import TestKit
import Testing

@testable import HTTPAPI
@testable import Wire

struct `Figures for Prometheus` {
  private func samples(_ server: TestServer) async throws -> [Substring] {
    let answer = try await server.get("/metrics")
    #expect(answer.status == 200)
    #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
    return answer.text.split(separator: "\n")
  }

  @Test func `readers, destinations and the log are shown as the status has them`() async throws {
    try await TestServer.run { server in
      server.host.consumers([reader("a \"b\""), destination("warehouse", 2), destination("bus", 3, state: "down")])
      server.host.append("T")
      let found = try await samples(server)
      for line in [
        #"moondance_reader_cursor_position{reader="a \"b\"",kind="consumer"} 40"#,
        #"moondance_reader_lag_positions{reader="warehouse",kind="destination"} 9"#,
        #"moondance_reader_blocked_keys{reader="bus",kind="destination"} 1"#,
        #"moondance_reader_queued_entries{reader="bus",kind="destination"} 4"#,
        #"moondance_reader_dead_letters{reader="warehouse",kind="destination"} 3"#,
        #"moondance_outbox_pending_messages{destination="warehouse"} 12"#,
        #"moondance_outbox_breaker_open{destination="warehouse"} 0"#,
        #"moondance_outbox_breaker_open{destination="bus"} 1"#, "moondance_log_head_position 1",
        "moondance_log_durable_position 1", "moondance_log_bytes 4096", "moondance_generation_number 3",
        "moondance_load_errors 2",
      ] {
        #expect(found.contains { $0 == line }, "\(line)")
      }
      #expect(!found.contains { $0.hasPrefix("moondance_outbox_pending_messages{destination=\"a") })
      let memory = try #require(
        found.first { $0.hasPrefix("moondance_resident_memory_bytes ") }?.split(separator: " ").last)
      #expect(try #require(UInt64(memory)) > 1 << 20)
    }
  }

  @Test func `every figure is there, described, whether or not anything was counted`() async throws {
    try await TestServer.run { server in
      let found = try await samples(server)
      for figure in Figure.allCases {
        #expect(found.contains("# HELP \(figure.rawValue) \(figure.help)"), "\(figure.rawValue)")
        #expect(found.contains("# TYPE \(figure.rawValue) \(figure.kind.rawValue)"), "\(figure.rawValue)")
      }
      let described = Set(found.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] })
      #expect(described == Set(Figure.allCases.map { $0.rawValue[...] }))
    }
  }

  @Test func `answers are counted by operation and status, whatever the address was`() async throws {
    try await TestServer.run { server async throws in
      _ = try await server.post(event: event())
      for _ in 1...3 { _ = try await server.get("/events/1") }
      _ = try await server.get("/events/99")
      _ = try await server.get("/consumers/nobody-\(UUID())")
      _ = try await server.get("/no/such/address")
      _ = try await server.request("DELETE", "/events")
      _ = try await server.get("/events?nonsense=1")
      _ = try await server.act("/outbox/retry", "{}")
      _ = try await server.get("/views")
      let found = try await samples(server)
      for (operation, status, count) in [
        ("append", 201, 1), ("getEvent", 200, 3), ("getEvent", 404, 1), ("getConsumer", 404, 1), ("none", 404, 1),
        ("none", 405, 1), ("listEvents", 400, 1), ("retryMessages", 400, 1), ("listViews", 404, 1),
      ] {
        let line = #"moondance_http_requests_total{operation="\#(operation)",status="\#(status)"} \#(count)"#
        #expect(found.contains(line[...]), "\(line)")
      }
      #expect(try await samples(server).contains(#"moondance_http_requests_total{operation="metrics",status="200"} 1"#))
    }
  }

  @Test func `a token that reads is enough, and one is wanted`() async throws {
    let tokens = try TokenList(text: "read read-token-0123456789\nadmin,append other-token-0123456789")
    try await TestServer.run(tokens: tokens) { server async throws in
      #expect(try await server.get("/metrics").status == 401)
      #expect(try await server.get("/metrics", [("Authorization", "Bearer other-token-0123456789")]).status == 403)
      #expect(try await server.get("/metrics", [("Authorization", "Bearer read-token-0123456789")]).status == 200)
    }
  }

  private static let promtool = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { "\($0)/promtool" }.first { FileManager.default.isExecutableFile(atPath: $0) }

  @Test(.enabled(if: promtool != nil, "promtool is not installed (Debian: prometheus)"))
  func `promtool finds nothing to say`() async throws {
    try await TestServer.run { server in
      server.host.consumers([reader("a \"b\"\n\\"), destination("warehouse", 2)])
      _ = try await server.post(event: event())
      let text = try await server.get("/metrics").text
      let promtool = try #require(Self.promtool)
      let said = try RunningProgram(promtool, ["check", "metrics"], input: .bytes(Array(text.utf8))).finish()
      #expect(said.code == 0 && said.out.isEmpty && said.err.isEmpty, "\(said)")
    }
  }
}
