import Testing
import Wire

@testable import Command

struct ProcessTextTests {
  private func summary(_ versions: Range<Int>, retrying: Int = 0, stuck: Int = 0) -> String {
    ProcessText.summary(
      ProcessList.Process(
        name: "checkout", instances: versions.reduce(0, +),
        versions: versions.map { .init(generation: UInt32($0), instances: $0) }, retrying: retrying, stuck: stuck))
  }

  @Test func `a process is a line with its instances by version, and what is wrong with them`() {
    #expect(summary(0..<0) == "checkout: 0 running")
    #expect(
      summary(1..<3, retrying: 2, stuck: 1)
        == "checkout: 3 running (1 on version 1, 2 on version 2), 2 retrying, 1 stuck")
  }

  @Test func `of many versions the newest are named, and the others counted`() {
    let named = (1..<7).map { "\($0) on version \($0)" }.joined(separator: ", ")
    #expect(summary(1..<7) == "checkout: 21 running (\(named))")
    #expect(
      summary(1..<101)
        == "checkout: 5050 running (4560 on 95 older versions, 96 on version 96, 97 on version 97, 98 on version 98, "
        + "99 on version 99, 100 on version 100)")
  }
}
