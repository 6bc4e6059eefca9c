import Engine
import Testing
import Wire

@testable import HTTPAPI

struct `Schedules over HTTP` {
  @Test func `are listed with what they make, the next run and the last`() async throws {
    try await TestServer.run { server in
      let list = try await server.get("/schedules").decoded(ScheduleList.self).schedules
      #expect(
        list == [
          ScheduleReport(
            name: "fee", script: "b.lua", line: 1, times: "every 1d", kind: "command", type: "Charge",
            subject: "account-1", missed: "all", next: nil, last: nil),
          ScheduleReport(
            name: "hourly", script: "a.lua", line: 3, times: "every 1h", kind: "event", type: "Ticked",
            subject: "hourly", missed: "once", next: "2026-01-01T01:00:00.000000Z",
            last: .init(due: "2026-01-01T00:00:00.000000Z", position: 7)),
        ])
      #expect(try await server.request("POST", "/schedules").status == 405)
    }
  }
}
