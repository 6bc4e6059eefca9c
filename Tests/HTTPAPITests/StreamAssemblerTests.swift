import NIOCore
import Testing
import Wire

@testable import Events
@testable import HTTPAPI

struct `A stream of events in pieces` {
  private let text = "\(event("A"))\n\n  \r\n\(event("B", #""data":"é\n""#))\r\n\(event("C"))"

  private func assembler(_ change: (inout DoorLimits) -> Void = { _ in }) -> StreamAssembler {
    var limits = DoorLimits()
    change(&limits)
    return StreamAssembler(hash: StableHash(seed: 1), limits: limits)
  }

  private func types(_ assembler: inout StreamAssembler) -> [(String, Int)] {
    var found: [(String, Int)] = []
    while let chunk = assembler.next() {
      for index in 0..<chunk.batch.count { found.append((chunk.batch.entry(index).type.text, chunk.lines[index])) }
    }
    return found
  }

  @Test func `gives the same events wherever it is cut into three`() {
    let bytes = Array(text.utf8)
    for first in 0...bytes.count {
      for second in first...bytes.count {
        var assembler = assembler()
        for part in [bytes[..<first], bytes[first..<second], bytes[second...]] {
          assembler.take(ByteBuffer(bytes: part))
        }
        assembler.end()
        let found = types(&assembler)
        #expect(found.map(\.0) == ["A", "B", "C"], "cut at \(first) and \(second)")
        #expect(found.map(\.1) == [1, 4, 5], "cut at \(first) and \(second)")
        #expect(assembler.problem == nil)
      }
    }
  }

  @Test func `takes every byte alone`() {
    var assembler = assembler()
    for byte in text.utf8 { assembler.take(ByteBuffer(bytes: [byte])) }
    assembler.end()
    #expect(types(&assembler).map(\.0) == ["A", "B", "C"])
  }

  @Test func `goes into chunks of the bounded size`() {
    var byCount = assembler { $0.chunkEvents = 2 }
    byCount.take(ByteBuffer(string: String(repeating: event() + "\n", count: 5)))
    var sizes: [Int] = []
    while let chunk = byCount.next() { sizes.append(chunk.batch.count) }
    #expect(sizes == [2, 2, 1])
    var byBytes = assembler { $0.chunkBytes = 1000 }
    byBytes.take(
      ByteBuffer(
        string: String(repeating: event("T", "\"data\":\"\(String(repeating: "x", count: 400))\"") + "\n", count: 6)))
    #expect(byBytes.next()?.batch.count == 3)
    #expect(byBytes.isFull)
  }

  @Test func `is taken up to the line that is wrong`() throws {
    var assembler = assembler()
    assembler.take(ByteBuffer(string: "\(event("A"))\n\n{\"type\":\"B\"}\n\(event("C"))\n"))
    assembler.end()
    #expect(types(&assembler).map(\.0) == ["A"])
    let problem = try #require(assembler.problem)
    #expect(problem.line == 3)
    #expect(problem.kind == .invalidEvent)
    #expect(problem.detail.hasPrefix("Line 3: "))
  }

  @Test(arguments: [1, 7, 100, 4096]) func `may not have a line longer than an event`(step: Int) throws {
    var assembler = assembler { $0.eventBytes = 300 }
    let long = event("T", "\"data\":\"\(String(repeating: "x", count: 2000))\"")
    let bytes = Array("\(event("A"))\n\(long)\n\(event("B"))\n".utf8)
    for start in stride(from: 0, to: bytes.count, by: step) {
      assembler.take(ByteBuffer(bytes: bytes[start..<min(start + step, bytes.count)]))
    }
    assembler.end()
    #expect(types(&assembler).map(\.0) == ["A"])
    #expect(assembler.problem?.kind == .tooLarge)
    #expect(assembler.problem?.line == 2)
  }

  @Test func `a part of a chunk holds the events before an index`() {
    var assembler = assembler()
    assembler.take(ByteBuffer(string: (0..<5).map { event("T\($0)") + "\n" }.joined()))
    let chunk = assembler.next()!
    for index in 0..<5 {
      let part = chunk.prefix(index)
      #expect(part.batch.count == index && part.lines == Array(chunk.lines[..<index]))
      for entry in 0..<index { #expect(part.batch.copy(entry) == chunk.batch.copy(entry)) }
    }
  }
}
