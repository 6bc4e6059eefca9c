import Engine
import Events
import Testing
import Wire

@testable import HTTPAPI

struct `Appending over HTTP` {
  @Test func `one event is answered with its position once it is durable`() async throws {
    try await TestServer.run { server in
      let answer = try await server.post(event: event("OrderPlaced", #""subject":"order-1","data":{"n":1.0}"#))
      #expect(answer.status == 201)
      #expect(answer.text == #"{"first":1,"last":1,"count":1,"duplicates":0}"#)
      let read = try await server.get("/events/1")
      #expect(read.headers["content-type"] == "application/cloudevents+json")
      #expect(read.text.contains(#""data":{"n":1.0}"#))
    }
  }

  @Test func `nothing is answered before it is durable`() async throws {
    try await TestServer.run { server in
      server.host.hold()
      let port = server.port
      let client = try await offPool { try RawClient(port: port) }
      let body = event()
      try await offPool {
        try client.send(
          TestServer.head(
            "POST", "/events", [("Content-Type", "application/cloudevents+json")], length: body.utf8.count, port: port))
        try client.send(body)
      }
      try await eventually { server.host.batchSizes == [1] }
      try await offPool {
        _ = #expect(throws: RawClient.Failure.self) { try client.response(within: 0.2) }
      }
      server.host.release()
      #expect(try await offPool { try client.response()?.status } == 201)
    }
  }

  @Test func `a batch is one commit`() async throws {
    try await TestServer.run { server in
      let answer = try await server.post(
        "application/cloudevents-batch+json; charset=utf-8", "[\(event("A")), \(event("B")),\(event("C"))]")
      #expect(answer.status == 201)
      #expect(answer.text == #"{"first":1,"last":3,"count":3,"duplicates":0}"#)
      #expect(server.host.batchSizes == [3])
      let empty = try await server.post("application/cloudevents-batch+json", "[]")
      #expect(empty.status == 200)
      #expect(empty.text == #"{"first":null,"last":null,"count":0,"duplicates":0}"#)
    }
  }

  @Test func `a batch with a bad event is refused whole and says which`() async throws {
    try await TestServer.run { server in
      let answer = try await server.post("application/cloudevents-batch+json", "[\(event("A")),{\"type\":\"B\"}]")
      #expect(answer.status == 400)
      let problem = try answer.decoded(Problem.self)
      #expect(problem.kind == .invalidEvent)
      #expect(problem.index == 1)
      #expect(problem.detail.contains("event 1 of the batch"))
      #expect(server.host.durable == .start)
    }
  }

  @Test func `binary mode takes attributes from headers`() async throws {
    try await TestServer.run { server in
      let answer = try await server.post(
        "application/json", #"{"a": 1}"#,
        [("ce-specversion", "1.0"), ("Ce-Type", "T"), ("ce-subject", "caf%C3%A9%20%22x%22"), ("ce-myext", "v")])
      #expect(answer.status == 201)
      let json = try await server.get("/events/1").json()
      #expect(json["subject"] as? String == "café \"x\"")
      #expect(json["myext"] as? String == "v")
      #expect(json["datacontenttype"] as? String == "application/json")
      let image = try await server.request(
        "POST", "/events", [("Content-Type", "image/png"), ("ce-specversion", "1.0"), ("ce-type", "P")], body: [0, 255])
      #expect(image.status == 201)
      #expect(try await server.get("/events/2").json()["data_base64"] as? String == "AP8=")
      let bare = try await server.request("POST", "/events", [("ce-specversion", "1.0"), ("ce-type", "Tick")])
      #expect(bare.status == 201)
    }
  }

  @Test func `an identity that is known gives the first position again`() async throws {
    try await TestServer.run { server in
      let one = event("T", #""id":"a","source":"/s","data":1"#)
      _ = try await server.post(event: one)
      _ = try await server.post(event: event())
      let again = try await server.post(event: one)
      #expect(again.status == 201)
      #expect(again.text == #"{"first":1,"last":1,"count":1,"duplicates":1}"#)
      let other = try await server.post(event: event("T", #""id":"a","source":"/s","data":2"#))
      #expect(other.status == 409)
      let problem = try other.decoded(Problem.self)
      #expect(problem.kind == .identityConflict && problem.position == 1)
      #expect(server.host.durable == Position(2))
    }
  }

  @Test func `If-Match decides on the last event of the subject`() async throws {
    try await TestServer.run { server in
      let one = event("T", #""subject":"s""#)
      #expect(try await server.post(event: one, [("If-Match", "0")]).status == 201)
      #expect(try await server.post(event: one, [("If-Match", "\"1\"")]).status == 201)
      let late = try await server.post(event: one, [("If-Match", "1")])
      #expect(late.status == 412)
      #expect(try late.decoded(Problem.self).position == 2)
      let fresh = try await server.post(event: event("T", #""subject":"new""#), [("If-Match", "1")])
      #expect(try fresh.decoded(Problem.self).position == 0)
      #expect(try await server.post(event: one, [("If-Match", "*")]).status == 400)
      #expect(try await server.post(event: event(), [("If-Match", "1")]).status == 400)
      #expect(
        try await server.post("application/cloudevents-batch+json", "[\(one)]", [("If-Match", "2")]).status == 400)
      #expect(try await server.post(lines: one, [("If-Match", "2")]).status == 400)
      #expect(server.host.durable == Position(2))
    }
  }

  @Test(
    arguments: [
      (.tooLarge(limit: 10), 413, .tooLarge), (.overloaded(retryAfterSeconds: 1), 503, .overloaded),
      (.noSpace, 507, .outOfSpace), (.stopped(maybeIn: true), 503, .stopping),
      (.stopped(maybeIn: false), 503, .stopping),
      (.readFailed("/secret/path: EIO"), 500, .readFailed),
    ] as [(AppendOutcome, Int, ProblemKind)])
  func `every way an append can end has its problem`(outcome: AppendOutcome, status: Int, kind: ProblemKind)
    async throws
  {
    try await TestServer.run { server in
      server.host.script([outcome])
      let answer = try await server.post(event: event())
      #expect(answer.status == status)
      #expect(answer.headers["content-type"] == "application/problem+json")
      let problem = try answer.decoded(Problem.self)
      #expect(problem.kind == kind)
      #expect(!answer.text.contains("secret"))
      if status == 503 || status == 507 { #expect(answer.headers["retry-after"] != nil) }
    }
  }

  @Test func `a problem says what is wrong, where, and what to do`() async throws {
    try await TestServer.run { server in
      let answer = try await server.post(event: #"{"specversion":"1.0","type":"T",}"#)
      #expect(answer.status == 400)
      let problem = try answer.decoded(Problem.self)
      #expect(problem.type == "urn:moondance:problem:malformed-json")
      #expect(problem.offset == 31)
      #expect(problem.detail == "This comma has nothing after it, at byte 31.")
      #expect(problem.status == 400)
    }
  }

  @Test func `a connection serves one request after the other`() async throws {
    try await TestServer.run { server in
      let port = server.port
      try await offPool {
        let client = try RawClient(port: port)
        let body = event()
        let head = TestServer.head(
          "POST", "/events", [("Content-Type", "application/cloudevents+json")], length: body.utf8.count, port: port)
        for position in 1...20 {
          try client.send(head + body)
          #expect(try client.response()?.text.hasPrefix("{\"first\":\(position),") == true)
        }
        try client.send(String(repeating: head + body, count: 20))
        for position in 21...40 {
          #expect(try client.response()?.text.hasPrefix("{\"first\":\(position),") == true)
        }
      }
    }
  }

  @Test func `a sender that asks before it sends a body is told to go on`() async throws {
    try await TestServer.run { server in
      let port = server.port
      try await offPool {
        let client = try RawClient(port: port)
        let body = event()
        let headers = [("Content-Type", "application/cloudevents+json"), ("Expect", "100-continue")]
        try client.send(TestServer.head("POST", "/events", headers, length: body.utf8.count, port: port))
        #expect(try client.response()?.status == 100)
        try client.send(body)
        #expect(try client.response()?.status == 201)
      }
    }
  }
}
