import Testing
import Wire

@testable import HTTPAPI

struct `The clock of a connection` {
  private static let second: UInt64 = 1_000_000_000

  private func clock() -> ConnectionClock { ConnectionClock(limits: DoorLimits(), now: 0) }

  @Test func `gives an idle connection a minute`() {
    let clock = clock()
    #expect(clock.verdict(now: 60 * Self.second - 1) == .wait)
    #expect(clock.verdict(now: 60 * Self.second) == .close)
    #expect(!clock.isBusy)
  }

  @Test func `gives headers ten seconds from their first byte`() {
    var clock = clock()
    clock.received(now: 50 * Self.second)
    clock.asked(now: 50 * Self.second)
    clock.received(now: 59 * Self.second)
    #expect(clock.isInHead)
    #expect(clock.verdict(now: 60 * Self.second - 1) == .wait)
    #expect(clock.verdict(now: 60 * Self.second) == .refuse(.requestTimeout))
  }

  @Test func `gives a request thirty seconds from its first byte`() {
    var clock = clock()
    clock.received(now: Self.second)
    clock.headEnded(isStream: false, now: 5 * Self.second)
    clock.received(now: 30 * Self.second)
    #expect(clock.isBusy)
    #expect(clock.verdict(now: 31 * Self.second - 1) == .wait)
    #expect(clock.verdict(now: 31 * Self.second) == .refuse(.requestTimeout))
    clock.requestEnded(now: 31 * Self.second)
    #expect(clock.verdict(now: 500 * Self.second) == .wait)
    clock.answerEnded(now: 500 * Self.second)
    #expect(clock.verdict(now: 559 * Self.second) == .wait)
    #expect(clock.verdict(now: 560 * Self.second) == .close)
  }

  @Test func `lets a stream go on while bytes come, and while we ask for none`() {
    var clock = clock()
    clock.received(now: 0)
    clock.headEnded(isStream: true, now: 0)
    for second in stride(from: UInt64(50), to: 500, by: 50) {
      clock.asked(now: second * Self.second)
      clock.received(now: second * Self.second)
    }
    // The engine is slow, so no more is asked for.
    #expect(clock.verdict(now: 5000 * Self.second) == .wait)
    clock.asked(now: 5000 * Self.second)
    #expect(clock.verdict(now: 5059 * Self.second) == .wait)
    #expect(clock.verdict(now: 5060 * Self.second) == .refuse(.requestTimeout))
  }

  @Test func `does not count the time of the answer before`() {
    var clock = clock()
    clock.received(now: 0)
    clock.headEnded(isStream: false, now: 0)
    clock.requestEnded(now: 0)
    clock.received(now: Self.second)
    #expect(clock.verdict(now: 100 * Self.second) == .wait)
    clock.answerEnded(now: 100 * Self.second)
    #expect(clock.verdict(now: 110 * Self.second - 1) == .wait)
    #expect(clock.verdict(now: 110 * Self.second) == .refuse(.requestTimeout))
  }

  @Test func `resets a peer that takes nothing`() {
    var clock = clock()
    clock.received(now: 0)
    clock.headEnded(isStream: false, now: 0)
    clock.requestEnded(now: 0)
    clock.writable(false, now: 10 * Self.second)
    clock.writable(false, now: 30 * Self.second)
    #expect(clock.verdict(now: 40 * Self.second - 1) == .wait)
    #expect(clock.verdict(now: 40 * Self.second) == .reset)
    clock.writable(true, now: 40 * Self.second)
    #expect(clock.verdict(now: 400 * Self.second) == .wait)
  }
}
