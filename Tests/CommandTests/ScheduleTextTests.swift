import Testing
import Wire

@testable import Command

struct ScheduleTextTests {
  @Test func `a schedule is a line with its times, the next run and the last`() {
    func schedule(_ name: String, _ kind: String, next: String?, last: ScheduleReport.Run?) -> ScheduleReport {
      ScheduleReport(
        name: name, script: "a.lua", line: 1, times: "every 1h", kind: kind, type: "Tick", subject: "s", missed: "once",
        next: next, last: last)
    }
    #expect(ScheduleText.list([]) == "no schedules")
    let lines = ScheduleText.list([
      schedule("fee", "command", next: nil, last: nil),
      schedule(
        "hourly", "event", next: "2026-01-01T01:00:00.000000Z",
        last: .init(due: "2026-01-01T00:00:00.500000Z", position: 7)),
    ]).split(separator: "\n")
    #expect(
      lines == [
        "SCHEDULE  TIMES     MAKES      NEXT                  LAST                         POSITION  MISSED",
        "fee       every 1h  Tick to s  never                 never                                  once",
        "hourly    every 1h  Tick       2026-01-01T01:00:00Z  2026-01-01T00:00:00.500000Z         7  once",
      ])
  }
}
