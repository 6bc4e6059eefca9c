import Testing

@testable import Delivery

struct FailedRowsTests {
  @Test func `a row waits longer each time, and its subject with it`() {
    var failed = FailedRows()
    var now: UInt64 = 0
    var pauses: [UInt64] = []
    for _ in 0..<9 {
      failed.fail("1", subject: "s", "no", now: now)
      pauses.append((failed.nextDue! - now) / 1_000_000_000)
      #expect(failed.waitingSubjects(now: now) == ["s"] && failed.waitingIDs(now: now) == [])
      now = failed.nextDue!
      #expect(failed.waitingSubjects(now: now) == [])
    }
    #expect(pauses == [10, 20, 40, 80, 160, 320, 600, 600, 600])
  }

  @Test func `rows without a subject wait alone`() {
    var failed = FailedRows()
    failed.fail("2", subject: nil, "no", now: 0)
    failed.fail("1", subject: nil, "why", now: 0)
    #expect(failed.waitingIDs(now: 1) == ["1", "2"] && failed.waitingSubjects(now: 1) == [])
    #expect(failed.summary == "row 1 is no event: why (and 1 more)")
    failed.succeed(["1"])
    #expect(failed.summary == "row 2 is no event: no")
  }

  @Test func `another deploy makes all due, and what is gone is forgotten`() {
    var failed = FailedRows()
    failed.fail("1", subject: "a", "no", now: 0)
    failed.fail("2", subject: "b", "no", now: 5)
    failed.makeDue(now: 7)
    #expect(failed.nextDue == 7)
    failed.fail("2", subject: "b", "no", now: 8)
    failed.forgetGone(dueAt: 7)
    #expect(failed.rows.keys.sorted() == ["2"])
  }
}
