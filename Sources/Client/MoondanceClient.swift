internal import Foundation
package import Wire

/// A daemon, as programs see it: the HTTP API with types. Calls block until the answer is there.
package struct MoondanceClient: Sendable {
  /// Without a slash at the end.
  package let server: String
  private let token: String?

  package static let standardServer = "http://127.0.0.1:8070"

  /// - token: what `Authorization: Bearer` carries.
  package init(server: String, token: String? = nil) {
    self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
    self.token = token
  }

  // MARK: Writing

  /// Appends one event, a CloudEvent in JSON.
  package func append(_ event: [UInt8]) throws(ClientError) -> AppendReceipt {
    try decode(send("POST", "/events", type: "application/cloudevents+json", body: event))
  }

  /// Appends CloudEvents, one a line, as `source` gives them. `source` fills the buffer and returns how many bytes, 0 at
  /// the end. A part may be in when this throws: the problem says up to where.
  package func appendStream(
    _ source: @escaping (UnsafeMutableRawBufferPointer) -> Int
  ) throws(ClientError) -> AppendReceipt {
    var answer: [UInt8] = []
    let transfer = Transfer("POST", server + "/events", headers: headers("application/x-ndjson")) { part in
      answer.append(contentsOf: part)
      return true
    }
    transfer.stream(source)
    return try decode(check(try transfer.run(), answer))
  }

  package func reload() throws(ClientError) -> ReloadReceipt {
    try decode(send("POST", "/reload", type: "application/json", body: Array("{}".utf8)))
  }

  // MARK: Reading

  package func status() throws(ClientError) -> StatusReport { try decode(statusBytes()) }

  /// The status as the daemon wrote it.
  package func statusBytes() throws(ClientError) -> [UInt8] { try send("GET", "/status") }

  /// A page of events.
  package struct Page {
    /// CloudEvents, each as it was written.
    package var events: [Event]
    /// Where the next page begins.
    package var next: UInt64
  }

  package struct Filter: Sendable {
    package var type: String?
    package var subject: String?
    package init(type: String? = nil, subject: String? = nil) { (self.type, self.subject) = (type, subject) }

    var query: String {
      var text = ""
      if let type { text += "&type=\(MoondanceClient.escaped(type))" }
      if let subject { text += "&subject=\(MoondanceClient.escaped(subject))" }
      return text
    }
  }

  /// Events from a position on; at most `limit`.
  package func events(from: UInt64, limit: Int, _ filter: Filter = Filter()) throws(ClientError) -> Page {
    try page("/events?from=\(from)&limit=\(limit)\(filter.query)")
  }

  /// The last events, at most `limit`.
  package func lastEvents(_ limit: Int, _ filter: Filter = Filter()) throws(ClientError) -> Page {
    try page("/events?last=\(limit)\(filter.query)")
  }

  /// Events of a subject from a position on.
  package func history(of subject: String, from: UInt64, limit: Int) throws(ClientError) -> Page {
    try page("/subjects/\(Self.escaped(subject))?from=\(from)&limit=\(limit)")
  }

  /// Calls `body` with every event from a position on as it becomes durable, until it returns false. Goes on by itself
  /// where a broken connection left off; throws when the daemon is gone.
  /// - goesOn: asked about once a second while nothing happens.
  package func follow(
    from: UInt64, _ filter: Filter = Filter(), while goesOn: @escaping () -> Bool, _ body: @escaping (Event) -> Bool
  ) throws(ClientError) {
    var next = from
    var isDone = false
    while !isDone {
      var parser = EventStreamParser()
      var fields = headers(nil)
      fields["Accept"] = "text/event-stream"
      var refusal: [UInt8] = []
      let transfer = Transfer("GET", server + "/events?from=\(next)\(filter.query)", headers: fields) { part in
        refusal.append(contentsOf: part.prefix(max(0, 65_536 - refusal.count)))
        for message in parser.take(part) {
          guard message.name != "cut", let event = Event(message.data) else { continue }
          next = event.position + 1
          if !body(event) {
            isDone = true
            return false
          }
        }
        return true
      }
      transfer.whileTrue {
        if !goesOn() { isDone = true }
        return !isDone
      }
      do throws(ClientError) {
        let status = try transfer.run()
        if isDone { return }
        if status >= 400 { _ = try check(status, refusal) }
      } catch .broken {
        // The connection broke: go on behind the last event, or find that the daemon is gone.
        continue
      }
    }
  }

  // MARK: The exchange

  private func page(_ path: String) throws(ClientError) -> Page {
    let bytes = try send("GET", path)
    guard let next = JSONSlices.member("next", of: bytes[...]).flatMap({ UInt64(String(decoding: $0, as: UTF8.self)) }),
      let list = JSONSlices.member("events", of: bytes[...])
    else { throw .broken("the answer to \(path) is no page of events: is this a Moondance daemon?") }
    return Page(events: JSONSlices.elements(of: list).compactMap { Event($0) }, next: next)
  }

  private func send(
    _ method: String, _ path: String, type: String? = nil, body: [UInt8]? = nil
  ) throws(ClientError) -> [UInt8] {
    var answer: [UInt8] = []
    let transfer = Transfer(method, server + path, headers: headers(type)) { part in
      answer.append(contentsOf: part)
      return true
    }
    if let body { transfer.send(body) }
    return try check(try transfer.run(), answer)
  }

  private func headers(_ type: String?) -> [String: String] {
    var headers: [String: String] = [:]
    if let type { headers["Content-Type"] = type }
    if let token { headers["Authorization"] = "Bearer \(token)" }
    return headers
  }

  private func check(_ status: Int, _ answer: [UInt8]) throws(ClientError) -> [UInt8] {
    if (200..<300).contains(status) { return answer }
    if let problem = try? JSONDecoder().decode(Problem.self, from: Data(answer)) { throw .refused(problem) }
    throw .broken("HTTP \(status) from \(server): is this a Moondance daemon?")
  }

  private func decode<Value: Decodable>(_ bytes: [UInt8]) throws(ClientError) -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: Data(bytes))
    } catch {
      throw .broken("the answer is not understood: \(error)")
    }
  }

  static func escaped(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
        String(UnicodeScalar(byte))
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }
}
