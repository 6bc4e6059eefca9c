import Platform
import Testing

@Suite struct InboxTests {
  @Test func `everything that several threads put arrives once, in the order of each`() {
    let inbox = Inbox<(producer: Int, number: Int)>()
    let producers = (0..<4).map { producer in
      NamedThread.start(name: "put-\(producer)") {
        for number in 0..<5000 { inbox.put((producer, number)) }
      }
    }
    var expected = [0, 0, 0, 0]
    var batch: [(producer: Int, number: Int)] = []
    let deadline = SystemClock().monotonicNanoseconds() + 30_000_000_000
    while expected.reduce(0, +) < 20_000, inbox.waitAndTakeAll(into: &batch, until: deadline) || batch.isEmpty {
      for element in batch {
        #expect(element.number == expected[element.producer])
        expected[element.producer] = element.number + 1
      }
      if SystemClock().monotonicNanoseconds() > deadline { break }
    }
    #expect(expected == [5000, 5000, 5000, 5000])
    for thread in producers { thread.join() }
  }

  @Test func `a wait ends at its deadline when nothing comes`() {
    let inbox = Inbox<Int>()
    var batch = [1, 2, 3]
    let clock = SystemClock()
    let start = clock.monotonicNanoseconds()
    #expect(!inbox.waitAndTakeAll(into: &batch, until: start + 20_000_000))
    #expect(batch.isEmpty)
    #expect(clock.monotonicNanoseconds() >= start + 20_000_000)
  }

  @Test func `a ring before the wait is not lost, and two rings wake once`() {
    let bell = Doorbell()
    bell.ring()
    bell.ring()
    #expect(bell.wait(until: 0))
    #expect(!bell.wait(until: 0))
  }

  @Test func `several inboxes can share a bell`() {
    let bell = Doorbell()
    let first = Inbox<Int>(bell: bell)
    let second = Inbox<String>(bell: bell)
    second.put(contentsOf: ["a", "b"])
    #expect(bell.wait(until: SystemClock().monotonicNanoseconds() + 10_000_000_000))
    var numbers: [Int] = []
    var texts: [String] = []
    #expect(!first.takeAll(into: &numbers))
    #expect(second.takeAll(into: &texts))
    #expect(texts == ["a", "b"])
  }
}
