import Engine
import Events
import Foundation
import Testing
import Wire

@testable import HTTPAPI

/// faults.md, section 3 and row 78: every limit of the door, and a good client beside each attack.
struct `A hostile request` {
  private func refused(
    _ server: TestServer, _ bytes: String, within seconds: Double = 20
  ) async throws -> RawClient.Response? {
    let port = server.port
    return try await offPool {
      let client = try RawClient(port: port)
      try? client.send(bytes)
      return try client.response(within: seconds)
    }
  }

  private func goodClient(_ server: TestServer) async throws {
    let answer = try await server.post(event: event())
    #expect(answer.status == 201)
  }

  // MARK: Size

  @Test func `an event over the limit is 413, announced or not`() async throws {
    var limits = DoorLimits()
    limits.eventBytes = 10_000
    try await TestServer.run(limits) { server in
      let big = event("T", "\"data\":\"\(String(repeating: "x", count: 200_000))\"")
      let announced = try await server.post(event: big)
      #expect(announced.status == 413)
      #expect(try announced.decoded(Problem.self).kind == .tooLarge)
      let port = server.port
      let chunked = try await offPool {
        let client = try RawClient(port: port)
        let headers = [("Content-Type", "application/cloudevents+json"), ("Transfer-Encoding", "chunked")]
        try client.send(TestServer.head("POST", "/events", headers, port: port))
        try? client.send(String(big.utf8.count, radix: 16) + "\r\n" + big + "\r\n0\r\n\r\n")
        return try client.response()
      }
      #expect(chunked?.status == 413)
      try await goodClient(server)
    }
  }

  @Test func `an answer arrives although gigabytes are announced`() async throws {
    try await TestServer.run { server in
      let port = server.port
      for type in ["application/cloudevents+json", "application/cloudevents-batch+json"] {
        let response = try await offPool {
          let client = try RawClient(port: port)
          try client.send(TestServer.head("POST", "/events", [("Content-Type", type)], length: 4 << 30, port: port))
          let piece = [UInt8](repeating: 0x20, count: 64 << 10)
          for _ in 0..<200 { try? client.send(piece) }
          return try client.response()
        }
        #expect(response?.status == 413)
        #expect(response?.headers["connection"] == "close")
      }
    }
  }

  @Test func `a batch over the limit is 413`() async throws {
    var limits = DoorLimits()
    limits.batchBytes = 5000
    try await TestServer.run(limits) { server in
      let batch = "[" + Array(repeating: event(), count: 500).joined(separator: ",") + "]"
      let answer = try await server.post("application/cloudevents-batch+json", batch)
      #expect(answer.status == 413)
      #expect(server.host.durable == .start)
    }
  }

  @Test func `headers over the limit are 431`() async throws {
    try await TestServer.run { server in
      for headers in [
        "X-Big: \(String(repeating: "x", count: 17_000))\r\n",
        (0..<400).map { "X-\($0): \(String(repeating: "y", count: 40))\r\n" }.joined(),
        (0..<300).map { "X-\($0): y\r\n" }.joined(),
      ] {
        let response = try await refused(server, "GET /events HTTP/1.1\r\nHost: localhost\r\n\(headers)\r\n")
        #expect(response?.status == 431)
        #expect(try response?.decoded(Problem.self).kind == .headersTooLarge)
      }
      let fits = "X-Big: \(String(repeating: "x", count: 15_000))\r\n"
      let response = try await refused(server, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\(fits)\r\n")
      #expect(response?.status == 200)
    }
  }

  @Test func `an address over the limit is 414`() async throws {
    try await TestServer.run { server in
      let fits = "/events?subject=" + String(repeating: "x", count: 8192 - 16)
      let response = try await server.get(fits)
      #expect(response.status == 400)
      let long = try await server.get(fits + "x")
      #expect(long.status == 414)
      #expect(try long.decoded(Problem.self).kind == .addressTooLong)
    }
  }

  @Test func `a head without an end is cut off before it fills the memory`() async throws {
    try await TestServer.run { server in
      for start in ["GET /", "GET / HTTP/1.1\r\nX: "] {
        let response = try await refused(server, start + String(repeating: "x", count: 1 << 20))
        #expect(response?.status == 431)
      }
      try await goodClient(server)
    }
  }

  @Test func `JSON bombs are refused`() async throws {
    try await TestServer.run { server in
      let deep = String(repeating: "[", count: 300_000)
      for data in [deep, deep + String(repeating: "]", count: 300_000), String(repeating: "{\"a\":", count: 100_000)] {
        let answer = try await server.post(event: "{\"specversion\":\"1.0\",\"type\":\"T\",\"data\":\(data)}")
        #expect(answer.status == 400)
        #expect(try answer.decoded(Problem.self).kind == .malformedJSON)
      }
      let names = (0..<50_000).map { ",\"x\($0)\":1" }.joined()
      let many = try await server.post(event: "{\"specversion\":\"1.0\",\"type\":\"T\"\(names)}")
      #expect(many.status == 400)
      try await goodClient(server)
    }
  }

  @Test(arguments: [
    #"{"specversion":"1.0","type":"T","type":"U"}"#, "\u{feff}" + event(), event("T", #""subject":"\ud800""#),
    event("T", #""subject":"a\u0000b""#), event("T", "\"subject\":\"a\u{0}b\""), event("T", #""data":[1,]"#),
    event() + event(), "", "null", "[]", event("moondance.x"), event("T", #""id":"1""#), event("a b"),
  ])
  func `events that are none are 400`(body: String) async throws {
    try await TestServer.run { server in
      let answer = try await server.post(event: body)
      #expect(answer.status == 400)
      #expect(answer.headers["content-type"] == "application/problem+json")
      #expect(!answer.text.contains("\u{0}"))
      #expect(server.host.durable == .start)
    }
  }

  // MARK: What is sent

  @Test(arguments: [
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "TEXT/PLAIN;charset=utf-8",
    "application/json", "application/xml", "",
  ])
  func `content types that a web page could send are 415`(type: String) async throws {
    try await TestServer.run { server in
      let answer = try await server.post(type, event())
      #expect(answer.status == 415)
      #expect(try answer.decoded(Problem.self).kind == .unsupportedContent)
      let reload = try await server.request("POST", "/reload", [("Content-Type", "text/plain")], body: [0x7B])
      #expect(reload.status == 415)
    }
  }

  @Test func `forms are refused in binary mode too`() async throws {
    try await TestServer.run { server in
      for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let answer = try await server.post(type, "x", [("ce-specversion", "1.0"), ("ce-type", "T")])
        #expect(answer.status == 415)
      }
    }
  }

  @Test func `compressed bodies are 415`() async throws {
    try await TestServer.run { server in
      for encoding in ["gzip", "deflate", "br", "identity, gzip"] {
        let answer = try await server.post(event: event(), [("Content-Encoding", encoding)])
        #expect(answer.status == 415)
      }
      let plain = try await server.post(event: event(), [("Content-Encoding", "identity")])
      #expect(plain.status == 201)
    }
  }

  @Test func `an unknown method is 405 and says which are known`() async throws {
    try await TestServer.run { server in
      let put = try await server.request("PUT", "/events", body: [])
      #expect(put.status == 405)
      #expect(put.headers["allow"] == "POST, GET")
      let reload = try await server.get("/reload")
      #expect(reload.status == 405)
      #expect(reload.headers["allow"] == "POST")
      let options = try await server.request("OPTIONS", "/events", [("Access-Control-Request-Method", "POST")])
      #expect(options.status == 405)
      #expect(!options.headers.keys.contains { $0.hasPrefix("access-control") })
    }
  }

  @Test(arguments: [
    "GARBAGE\r\n\r\n", "GET /events HTTP/9.9\r\n\r\n",
    "GET /events HTTP/1.1\r\nHost: localhost\r\nBad Header: x\r\n\r\n",
    "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "POST /events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-ndjson\r\n\r\nZZ\r\n",
    "GET /events HTTP/1.1\r\nHost: localhost\r\nX: a\u{0}b\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
  ])
  func `what is not HTTP is 400, and the connection ends`(bytes: String) async throws {
    try await TestServer.run { server in
      let port = server.port
      let (status, isClosed) = try await offPool {
        let client = try RawClient(port: port)
        try? client.send(bytes)
        client.finishSending()
        let response = try client.response()
        return (response?.status, try !client.receive(until: { _ in false }))
      }
      #expect(status == 400 || status == nil)
      #expect(isClosed)
      try await goodClient(server)
    }
  }

  @Test func `a smuggled request is not served`() async throws {
    try await TestServer.run { server in
      let port = server.port
      let text = try await offPool {
        let client = try RawClient(port: port)
        let inner = TestServer.head("POST", "/reload", length: 0, port: port)
        try? client.send(
          "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cloudevents+json\r\n"
            + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + inner)
        client.finishSending()
        return try client.receiveAll()
      }
      #expect(!text.contains("generation"))
    }
  }

  // MARK: Overload

  @Test func `overload is answered before the body is read`() async throws {
    try await TestServer.run { server in
      server.host.isOverloaded = true
      let port = server.port
      for type in ["application/cloudevents+json", "application/x-ndjson"] {
        let response = try await offPool {
          let client = try RawClient(port: port)
          try client.send(TestServer.head("POST", "/events", [("Content-Type", type)], length: 500_000, port: port))
          return try client.response()
        }
        #expect(response?.status == 503)
        #expect(response?.headers["retry-after"] == "1")
      }
      let read = try await server.get("/events")
      #expect(read.status == 200)
      server.host.isOverloaded = false
      server.host.isOutOfSpace = true
      let full = try await server.post(event: event())
      #expect(full.status == 507)
      server.host.isOutOfSpace = false
      try await goodClient(server)
    }
  }

  @Test func `a refused small request leaves its connection usable`() async throws {
    try await TestServer.run { server in
      server.host.isOverloaded = true
      let port = server.port
      let host = server.host
      try await offPool {
        let client = try RawClient(port: port)
        let body = event()
        let head = TestServer.head(
          "POST", "/events", [("Content-Type", "application/cloudevents+json")], length: body.utf8.count, port: port)
        try client.send(head + body)
        let refused = try client.response()
        #expect(refused?.status == 503)
        host.isOverloaded = false
        try client.send(head + body)
        let taken = try client.response()
        #expect(taken?.status == 201)
      }
    }
  }
}
