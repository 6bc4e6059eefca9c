import Engine
import Events
import Foundation
import Testing

@testable import HTTPAPI
@testable import Wire

struct `The outbox over HTTP` {
  /// A host with a consumer "orders" and the destinations "warehouse" and "bus".
  private func host() -> MemoryHost {
    let host = MemoryHost()
    host.consumers([reader("orders", 1), destination("warehouse", 2), destination("bus", 3, state: "down")])
    return host
  }

  private func list(_ server: TestServer, _ query: String = "") async throws -> DeadLetterList {
    let answer = try await server.get("/outbox" + query)
    #expect(answer.status == 200, "\(answer.text)")
    return try answer.decoded(DeadLetterList.self)
  }

  // MARK: Destinations

  @Test func `destinations are in the status's outbox, and not among the consumers`() async throws {
    try await TestServer.run(host: host()) { server in
      let status = try await server.get("/status").decoded(StatusReport.self)
      #expect(status.consumers.map(\.name) == ["orders"])
      #expect(
        status.outbox == [
          StatusReport.Outbox(
            destination: "warehouse", script: "warehouse.lua", state: "running", pending: 12, failed: 3, blocked: 1,
            queued: 4, cursor: 40),
          StatusReport.Outbox(
            destination: "bus", script: "bus.lua", state: "down", pending: 12, failed: 3, blocked: 1, queued: 4,
            cursor: 40, note: "no connection; tried again now and then"),
        ])
      #expect(try await server.get("/destinations").decoded(DestinationList.self).destinations == status.outbox)
      #expect(try await server.get("/destinations/bus").decoded(StatusReport.Outbox.self) == status.outbox[1])
      #expect(try await server.get("/consumers").decoded(ConsumerList.self).consumers.map(\.name) == ["orders"])
    }
  }

  @Test func `pause, resume and forget say how it is now, and whether that is new`() async throws {
    try await TestServer.run(host: host()) { server async throws in
      #expect(
        try await server.act("/destinations/warehouse/pause", #"{"by":"anna"}"#).text
          == #"{"changed":true,"cursor":40,"destination":"warehouse","droppedDeadLetters":0,"droppedMessages":0,"#
          + #""state":"paused"}"#)
      func receipt(_ verb: String) async throws -> DestinationReceipt {
        try await server.act("/destinations/warehouse/\(verb)").decoded(DestinationReceipt.self)
      }
      #expect(try await !receipt("pause").changed)
      #expect(try await receipt("resume").state == "running")
      server.host.giveUp(message: "1")
      let forgotten = try await receipt("forget")
      #expect(forgotten.droppedMessages == 4)
      #expect(server.host.acts.first == .init(what: "pause warehouse", by: "local (anna)"))
    }
  }

  @Test func `a name that is not known is answered with the one that was probably meant`() async throws {
    try await TestServer.run(host: host()) { server async throws in
      func detail(_ answer: RawClient.Response) throws -> String {
        #expect(answer.status == 404 && answer.problem == .notFound)
        return try answer.decoded(Problem.self).detail
      }
      let wanted = #"There is no destination "warehose". Did you mean "warehouse"?"#
      for verb in ["pause", "resume", "forget"] {
        #expect(try detail(try await server.act("/destinations/warehose/\(verb)")) == wanted)
      }
      #expect(try detail(try await server.get("/destinations/warehose")) == wanted)
      #expect(try detail(try await server.get("/outbox?destination=warehose")) == wanted)
      #expect(try detail(try await server.act("/outbox/retry", #"{"destination":"warehose"}"#)) == wanted)
      #expect(try detail(try await server.get("/destinations/nothing-like-it")).hasSuffix("There are: warehouse, bus."))
      #expect(try detail(try await server.get("/destinations/a%0A")).hasPrefix("No destination has such a name."))
      server.host.consumers([reader("orders")])
      #expect(try detail(try await server.get("/destinations/x")).hasSuffix("No script declares one."))
    }
  }

  @Test func `consumers and destinations are not mistaken for one another`() async throws {
    try await TestServer.run(host: host()) { server async throws in
      for path in ["/consumers/warehouse", "/dead-letters?consumer=warehouse"] {
        let answer = try await server.get(path)
        #expect(answer.status == 404)
        #expect(
          try answer.decoded(Problem.self).detail
            == #"There is no consumer "warehouse". The destination of this name is with the outbox: GET /destinations, "#
            + "or moondance outbox.")
      }
      let other = try await server.get("/destinations/orders")
      #expect(
        other.status == 404
          && other.text.contains(
            "The consumer of this name is with the consumers: GET /consumers, or moondance consumers.")
      )
      for verb in ["pause", "resume", "forget"] {
        #expect(try await server.act("/consumers/warehouse/\(verb)").status == 404)
        #expect(try await server.act("/destinations/orders/\(verb)").status == 404)
      }
      #expect(try await server.act("/consumers/warehouse/rewind", #"{"to":1,"dryRun":true}"#).status == 404)
    }
  }

  // MARK: The list

  @Test func `the list has the destinations, and each message with what it carries`() async throws {
    try await TestServer.run(host: host()) { server in
      server.host.append("Before")
      server.host.giveUp(
        message: "7.2", key: "o-1", body: #"{"n": 1.50}"#, headers: #"{"x-tenant":"a"}"#, for: "OrderPlaced",
        error: "500 from the far side", attempts: 3, waiting: 4)
      let page = try await list(server)
      #expect(page.outbox?.map(\.destination) == ["warehouse", "bus"])
      #expect(page.total == 1 && page.next == nil)
      let letter = try #require(page.deadLetters.first)
      #expect(letter.destination == "warehouse" && letter.consumer == nil && letter.event == nil)
      #expect(letter.id == "7.2" && letter.key == "o-1" && letter.attempts == 3 && letter.waiting == 4)
      #expect(
        letter.message
          == MessageAttributes(
            id: "00ff-2", destination: "warehouse", key: "o-1", type: "OrderPlaced", position: 2,
            time: "2026-07-01T09:30:00.000000Z"))
      let text = try await server.get("/outbox").text
      #expect(text.contains(#""headers":{"x-tenant":"a"},"body":{"n": 1.50},"causationid":"1""#))
    }
  }

  @Test func `an empty outbox is a list`() async throws {
    try await TestServer.run { server async throws in
      #expect(try await server.get("/outbox").text == #"{"outbox":[],"deadLetters":[],"next":null,"total":0}"#)
    }
  }

  @Test func `a message without a body, headers and cause has none`() async throws {
    try await TestServer.run(host: host()) { server in
      server.host.giveUp(message: "1", body: nil, for: nil)
      let text = try await server.get("/outbox").text
      #expect(!text.contains("\"body\"") && !text.contains("\"headers\"") && !text.contains("\"type\""))
    }
  }

  @Test func `each list has letters of its own kind only, and counts only these`() async throws {
    try await TestServer.run(host: host()) { server async throws in
      server.host.giveUp("1", of: "orders")
      server.host.giveUp(message: "2")
      server.host.giveUp(message: "3", to: "bus", key: "b", error: "timed out")
      let events = try await server.get("/dead-letters").decoded(DeadLetterList.self)
      #expect(events.deadLetters.map(\.id) == ["1"] && events.total == 1 && events.outbox == nil)
      #expect(try await list(server).deadLetters.map(\.id) == ["2", "3"])
      #expect(try await list(server).total == 2)
      let bus = try await list(server, "?destination=bus")
      #expect(bus.deadLetters.map(\.id) == ["3"] && bus.total == 1 && bus.outbox?.map(\.destination) == ["bus"])
      #expect(try await list(server, "?key=b").deadLetters.map(\.id) == ["3"])
      #expect(try await list(server, "?error=timed").deadLetters.map(\.id) == ["3"])
      let first = try await list(server, "?limit=1")
      #expect(first.deadLetters.map(\.id) == ["2"] && first.next == "2")
      #expect(try await list(server, "?limit=1&after=2").deadLetters.map(\.id) == ["3"])
    }
  }

  @Test(arguments: ["?consumer=orders", "?type=Work", "?limit=0", "?after=x", "?error=", "?nonsense=1", "?key=%FF"])
  func `a query that makes no sense is refused`(query: String) async throws {
    try await TestServer.run(host: host()) { server async throws in
      #expect(try await server.get("/outbox" + query).status == 400)
    }
  }

  // MARK: One letter

  @Test func `one letter shows every attempt, also when it is resolved, under its own address only`() async throws {
    try await TestServer.run(host: host()) { server async throws in
      server.host.giveUp("1", of: "orders")
      server.host.giveUp(message: "8123", attempts: 3, waiting: 2)
      let open = try await server.get("/outbox/8123").decoded(DeadLetterHistory.self)
      #expect(open.destination == "warehouse" && open.message?.id == "00ff-2" && open.event == nil)
      #expect(open.state == "blocking" && open.attempts.map(\.attempt) == [1, 2, 3])
      #expect(
        try await server.get("/dead-letters/8123").decoded(Problem.self).detail
          == "The dead letter 8123 is a message of the outbox: its address is /outbox/8123.")
      #expect(
        try await server.get("/outbox/1").decoded(Problem.self).detail
          == "The dead letter 1 is no message, so it is not in the outbox: its address is /dead-letters/1.")
      #expect(try await server.act("/dead-letters/8123/discard").status == 404)
      #expect(try await server.act("/outbox/1/retry").status == 404)
      #expect(server.host.openLetters == ["1", "8123"])
      _ = try await server.act("/outbox/8123/discard")
      let resolved = try await server.get("/outbox/8123").decoded(DeadLetterHistory.self)
      #expect(resolved.state == "resolved" && resolved.attempts == open.attempts)
      server.host.consumers([])
      #expect(try await server.get("/outbox/8123").text.contains(#""destination":null"#))
    }
  }

  @Test(arguments: ["2", "x", "0", "1.0.0", "00ff-2"]) func `an id that the log never gave is not found`(
    id: String
  ) async throws {
    try await TestServer.run(host: host()) { server async throws in
      server.host.giveUp(message: "1")
      #expect(try await server.get("/outbox/\(id)").status == 404)
      #expect(try await server.act("/outbox/\(id)/retry").text.contains("GET /outbox lists those that are open"))
    }
  }

  // MARK: Verbs

  @Test func `a verb on one message does it once, and again changes nothing`() async throws {
    try await TestServer.run(host: host()) { server async throws in
      for id in ["1", "2", "3"] { server.host.giveUp(message: id) }
      func resolve(_ path: String) async throws -> ResolveReceipt {
        try await server.act("/outbox/\(path)").decoded(ResolveReceipt.self)
      }
      #expect(try await resolve("1/skip") == ResolveReceipt(resolved: 1))
      #expect(try await resolve("1/skip") == ResolveReceipt(unchanged: 1))
      #expect(try await resolve("2/retry") == ResolveReceipt(resolved: 1))
      #expect(try await resolve("2/retry") == ResolveReceipt(notOpen: ["2"]))
      #expect(try await resolve("3/discard") == ResolveReceipt(resolved: 1))
      #expect(server.host.openLetters == ["1"])
    }
  }

  @Test func `verbs on all of one kind, and by ids, leave the other kind alone`() async throws {
    try await TestServer.run(host: host()) { server async throws in
      server.host.giveUp("1", on: "k", of: "orders")
      server.host.giveUp(message: "2", key: "k")
      server.host.giveUp(message: "3", to: "bus", key: "k")
      server.host.giveUp(message: "4", to: "bus", key: "l")
      func resolve(_ path: String, _ body: String) async throws -> ResolveReceipt {
        try await server.act(path, body).decoded(ResolveReceipt.self)
      }
      #expect(
        try await resolve("/outbox/discard", #"{"ids":["1","2"]}"#) == ResolveReceipt(resolved: 1, notOpen: ["1"]))
      #expect(try await resolve("/dead-letters/discard", #"{"ids":["3"]}"#) == ResolveReceipt(notOpen: ["3"]))
      #expect(try await resolve("/outbox/retry", #"{"destination":"bus","key":"l"}"#) == ResolveReceipt(resolved: 1))
      #expect(server.host.openLetters == ["1", "3"])
      #expect(try await resolve("/outbox/discard", #"{"all":true}"#) == ResolveReceipt(resolved: 1))
      #expect(server.host.openLetters == ["1"])
      server.host.giveUp(message: "9")
      #expect(try await resolve("/dead-letters/discard", #"{"all":true}"#) == ResolveReceipt(resolved: 1))
      #expect(server.host.openLetters == ["9"])
    }
  }

  @Test(arguments: [
    "", "{}", #"{"consumer":"orders"}"#, #"{"destination":"bus","all":true}"#, #"{"key":"x"}"#, #"{"destination":1}"#,
    #"{"ids":["x"]}"#, #"{"all":false}"#,
  ])
  func `a body that says nothing clear is refused, and nothing is done`(body: String) async throws {
    try await TestServer.run(host: host()) { server in
      server.host.giveUp(message: "1")
      let answer = try await server.act("/outbox/discard", body)
      #expect(answer.status == 400, "\(answer.text)")
      #expect(server.host.openLetters == ["1"] && server.host.acts.isEmpty)
    }
    try await TestServer.run(host: host()) { server async throws in
      #expect(try await server.act("/outbox/discard", "{}").text.contains(#"{\"destination\":\"name\"}"#))
    }
  }

  // MARK: Messages are no events

  @Test func `a message is neither listed nor shown as an event`() async throws {
    try await TestServer.run(host: host()) { server async throws in
      server.host.append("Before")
      server.host.append(message: "warehouse", key: "a", body: "{}", for: "Work")
      #expect(try await server.get("/events").json()["next"] as? Int == 3)
      #expect(try await server.get("/events").text.contains("warehouse") == false)
      #expect(try await server.get("/events/2").status == 404)
      #expect(try await server.get("/subjects/a").text.contains("warehouse") == false)
    }
  }

  @Test func `a path that is written out is never an id`() async throws {
    try await TestServer.run(host: host()) { server async throws in
      let get = try await server.get("/outbox/retry")
      #expect(get.status == 405 && get.headers["allow"] == "POST")
      #expect(try await server.act("/outbox").status == 405)
      #expect(try await server.act("/outbox/1/dance").status == 404)
    }
  }
}

/// A destination with something to do.
func destination(_ name: String, _ number: UInt32, state: String = "running") -> HostStatus.Reader {
  var reader = HostStatus.Reader(
    name: name, kind: "destination", script: "\(name).lua", state: state, cursor: 40, lag: 9, blockedKeys: 1, queued: 4,
    deadLetters: 3, number: number, note: state == "down" ? "no connection; tried again now and then" : nil)
  reader.pending = 12
  return reader
}
