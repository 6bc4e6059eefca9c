import Engine
import Events
import Foundation
import Synchronization
import Testing
import Wire

@testable import HTTPAPI

struct `A stream over HTTP` {
  private func lines(_ range: Range<Int>, source: String? = nil) -> String {
    range.map { number in
      let identity = source.map { ",\"id\":\"\(number)\",\"source\":\"\($0)\"" } ?? ""
      return event("T", "\"subject\":\"s\(number)\"\(identity)") + "\n"
    }.joined()
  }

  @Test func `is in whole and in order`() async throws {
    try await TestServer.run { server in
      let answer = try await server.post(lines: lines(0..<20_000))
      #expect(answer.status == 201)
      #expect(answer.text == #"{"first":1,"last":20000,"count":20000,"duplicates":0}"#)
      var position = 0
      try server.host.visit(from: Position(1), through: Position(20_000)) { entry, _, _ in
        if entry.subject.text != "s\(position)" { Issue.record("\(entry.subject.text) stands at \(position + 1)") }
        position += 1
        return true
      }
      #expect(position == 20_000)
      #expect(server.host.batchSizes.allSatisfy { $0 <= 1024 })
    }
  }

  @Test func `keeps its order while many come at once`() async throws {
    try await TestServer.run { server in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for stream in 0..<8 {
          let text = (0..<3000).map { event("T", "\"subject\":\"\(stream)\",\"data\":\($0)") + "\n" }.joined()
          group.addTask {
            let status = try await server.post(lines: text).status
            #expect(status == 201)
          }
        }
        try await group.waitForAll()
      }
      var next = [String: Int]()
      try server.host.visit(from: Position(1), through: Position(24_000)) { entry, position, _ in
        let expected = next[entry.subject.text, default: 0]
        if entry.data.text != "\(expected)" { Issue.record("\(entry.data.text) instead of \(expected) at \(position)") }
        next[entry.subject.text] = expected + 1
        return true
      }
    }
  }

  @Test func `without an event appends nothing`() async throws {
    try await TestServer.run { server in
      for empty in ["", "\n", "\r\n \n"] {
        let answer = try await server.post(lines: empty)
        #expect(answer.status == 200)
        #expect(answer.text == #"{"first":null,"last":null,"count":0,"duplicates":0}"#)
      }
    }
  }

  @Test func `sent again appends nothing and says so`() async throws {
    try await TestServer.run { server in
      let text = lines(0..<3000, source: "/s")
      let answer = try await server.post(lines: text)
      #expect(answer.status == 201)
      let again = try await server.post(lines: text)
      #expect(again.text == #"{"first":1,"last":3000,"count":3000,"duplicates":3000}"#)
      #expect(server.host.durable == Position(3000))
    }
  }

  @Test(arguments: [0, 1, 500, 2500]) func `names the line that is wrong and what is in`(before: Int) async throws {
    try await TestServer.run { server in
      let answer = try await server.post(lines: lines(0..<before) + "{\"type\":\"T\"}\n" + lines(0..<4000))
      #expect(answer.status == 400)
      let problem = try answer.decoded(Problem.self)
      #expect(problem.line == before + 1)
      #expect(problem.last == UInt64(before))
      #expect(problem.count == before)
      #expect(server.host.durable == Position(UInt64(before)))
    }
  }

  @Test(arguments: [0, 1, 700, 2048]) func `ends before an identity that has another body`(before: Int) async throws {
    try await TestServer.run { server in
      _ = try await server.post(event: event("Other", #""id":"\#(before)","source":"/s""#))
      let answer = try await server.post(lines: lines(0..<(before + 5000), source: "/s"))
      #expect(answer.status == 409)
      let problem = try answer.decoded(Problem.self)
      #expect(problem.kind == .identityConflict)
      #expect(problem.line == before + 1)
      #expect(problem.position == 1)
      #expect(problem.count == before)
      #expect(problem.last == (before == 0 ? 0 : UInt64(before + 1)))
      #expect(server.host.durable == Position(UInt64(before + 1)))
    }
  }

  @Test func `waits for a busy engine and loses nothing`() async throws {
    try await TestServer.run { server in
      let busy = AppendOutcome.overloaded(retryAfterSeconds: 0)
      server.host.script([nil, busy, nil, busy, nil, nil, busy, busy, nil, nil, nil, busy, nil, nil, nil, nil, busy])
      let answer = try await server.post(lines: lines(0..<20_000))
      #expect(answer.text == #"{"first":1,"last":20000,"count":20000,"duplicates":0}"#)
      var number = 0
      try server.host.visit(from: Position(1), through: Position(20_000)) { entry, position, _ in
        if entry.subject.text != "s\(number)" { Issue.record("\(entry.subject.text) stands at \(position)") }
        number += 1
        return true
      }
    }
  }

  @Test func `gives up when the engine stays busy`() async throws {
    var limits = DoorLimits()
    limits.overloadTime = .milliseconds(100)
    try await TestServer.run(limits) { server in
      server.host.script(Array(repeating: .overloaded(retryAfterSeconds: 0), count: 100))
      let answer = try await server.post(lines: lines(0..<10))
      #expect(answer.status == 503)
      #expect(answer.headers["retry-after"] != nil)
      let problem = try answer.decoded(Problem.self)
      #expect(problem.line == 1 && problem.last == 0 && problem.count == 0)
    }
  }

  @Test(
    arguments: [(.noSpace, 507), (.stopped(maybeIn: true), 503), (.readFailed("x"), 500), (.tooLarge(limit: 5), 413)]
      as [(AppendOutcome, Int)])
  func `says what is in when the engine takes no more`(outcome: AppendOutcome, status: Int) async throws {
    var limits = DoorLimits()
    limits.chunkEvents = 100
    try await TestServer.run(limits) { server in
      server.host.script([nil, nil, outcome])
      let answer = try await server.post(lines: lines(0..<1000))
      #expect(answer.status == status)
      let problem = try answer.decoded(Problem.self)
      let taken = server.host.durable
      #expect(server.host.batchSizes.prefix(2).reduce(0, +) == Int(taken.rawValue))
      #expect(problem.last == taken.rawValue)
      #expect(problem.count == Int(taken.rawValue))
      #expect(problem.line == Int(taken.rawValue) + 1)
    }
  }

  @Test func `is durable line by line when lines come slowly`() async throws {
    try await TestServer.run { server in
      let port = server.port
      let client = try await offPool { try RawClient(port: port) }
      try await offPool {
        try client.send(
          TestServer.head(
            "POST", "/events", [("Content-Type", "application/x-ndjson"), ("Transfer-Encoding", "chunked")], port: port)
        )
      }
      for number in 1...5 {
        let line = event("T\(number)") + "\n"
        try await offPool { try client.send(String(line.utf8.count, radix: 16) + "\r\n" + line + "\r\n") }
        try await eventually { server.host.durable == Position(UInt64(number)) }
      }
      try await offPool { try client.send("0\r\n\r\n") }
      #expect(try await offPool { try client.response()?.text } == #"{"first":1,"last":5,"count":5,"duplicates":0}"#)
    }
  }

  @Test func `gathers what comes while chunks are under way, and bounds both`() async throws {
    var limits = DoorLimits()
    limits.chunksInFlight = 3
    limits.chunkEvents = 50
    try await TestServer.run(limits) { server in
      server.host.hold()
      let port = server.port
      let client = try await offPool { try RawClient(port: port) }
      let body = lines(0..<40_000)
      let sending = Task {
        try await offPool {
          try client.send(
            TestServer.head(
              "POST", "/events", [("Content-Type", "application/x-ndjson")], length: body.utf8.count, port: port))
          try client.send(body)
          return try client.response()
        }
      }
      try await eventually { server.host.batchSizes.count == 3 }
      // Only what has been read may follow: the rest waits in the sender's socket, not here.
      #expect(server.host.durable <= Position(150))
      server.host.release()
      #expect(try await sending.value?.text == #"{"first":1,"last":40000,"count":40000,"duplicates":0}"#)
      #expect(server.host.batchSizes.allSatisfy { $0 <= 50 })
    }
  }

  @Test func `cut off by its sender keeps whole lines only`() async throws {
    try await TestServer.run { server in
      let port = server.port
      try await offPool {
        let client = try RawClient(port: port)
        try client.send(
          TestServer.head("POST", "/events", [("Content-Type", "application/x-ndjson")], length: 1_000_000, port: port))
        try client.send(event("A") + "\n" + event("B") + "\n" + #"{"specversion":"1.0","#)
        try eventuallyBlocking { server.host.durable == Position(2) }
      }
      #expect(try await server.post(event: event("C")).text.hasPrefix(#"{"first":3,"#))
    }
  }

  @Test func `is told when the daemon stops`() async throws {
    let answer = Mutex<Task<RawClient.Response?, any Error>?>(nil)
    try await TestServer.run { server in
      let port = server.port
      let client = try await offPool { try RawClient(port: port) }
      try await offPool {
        let headers = [("Content-Type", "application/x-ndjson")]
        try client.send(TestServer.head("POST", "/events", headers, length: 1_000_000, port: port))
        try client.send(event("A") + "\n")
      }
      try await eventually { server.host.durable == Position(1) }
      answer.withLock { $0 = Task { try await offPool { try client.response() } } }
    }
    let response = try await answer.withLock { $0 }?.value
    let problem = try #require(response).decoded(Problem.self)
    #expect(problem.kind == .stopping)
    #expect(problem.last == 1)
  }
}

/// `eventually` for code that blocks anyway.
func eventuallyBlocking(within seconds: Double = 20, _ condition: () -> Bool) throws {
  let deadline = Date(timeIntervalSinceNow: seconds)
  while !condition() {
    if Date() > deadline { throw RawClient.Failure(description: "the condition never held") }
    usleep(1000)
  }
}
