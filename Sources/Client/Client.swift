package import Wire

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// What the daemon answered: understood, and as it came.
package struct Reply<Value: Sendable>: Sendable {
  package var value: Value
  package var json: [UInt8]

  package init(value: Value, json: [UInt8]) { (self.value, self.json) = (value, json) }
}

/// A daemon, as programs outside it see it. Calls block; use it from one thread. Every call throws `ClientError`.
package final class Client {
  let endpoint: Endpoint
  let transport: Transport

  package init(_ endpoint: Endpoint) {
    self.endpoint = endpoint
    transport = Transport(endpoint)
  }

  /// Appends one event, given as a CloudEvent in JSON. It is durable on return.
  /// - Parameter position: of the subject's last event; 0: it has none; nil: whatever it is.
  /// - Throws: a problem of the kind `expectation-failed` when it is another one.
  package func append(event: [UInt8], expecting position: UInt64? = nil) throws -> Reply<AppendReceipt> {
    let expectation = position.map { ["If-Match: \($0)"] } ?? []
    let request = Request(
      method: "POST", path: "/events", headers: ["Content-Type: application/cloudevents+json"] + expectation,
      body: .bytes(event))
    return try reply(try transport.perform(request))
  }

  /// Appends the CloudEvents that `descriptor` gives, one a line, until it ends or `Interrupt` is raised; then what
  /// went out ends after a whole line, and the receipt speaks of that.
  /// - Parameter progress: called with the bytes sent so far.
  /// - Throws: a problem with `line` and `last` when the daemon takes a line not; what came before it is in.
  package func append(
    linesOf descriptor: Int32, progress: @escaping (Int) -> Void = { _ in }
  ) throws -> Reply<AppendReceipt> {
    let request = Request(
      method: "POST", path: "/events", headers: ["Content-Type: application/x-ndjson"],
      body: .lines(LineSource(descriptor: descriptor) { Interrupt.isRaised }), timeout: nil)
    return try reply(try transport.perform(request, progress: progress))
  }

  /// A page of what is durable.
  package func events(_ selection: EventSelection) throws -> EventPage {
    try page("/events" + selection.query)
  }

  /// A page of the events of one subject; `selection.subject` is not looked at.
  package func history(of subject: String, _ selection: EventSelection = EventSelection()) throws -> EventPage {
    var selection = selection
    selection.subject = nil
    return try page("/subjects/" + EventSelection.encoded(subject) + selection.query)
  }

  package func status() throws -> Reply<StatusReport> {
    try reply(try transport.perform(Request(path: "/status")))
  }

  /// Loads the scripts now.
  /// - Throws: a problem with `errors` when they do not load.
  package func reload() throws -> Reply<ReloadReceipt> {
    try reply(try transport.perform(Request(method: "POST", path: "/reload")))
  }

  private func page(_ path: String) throws -> EventPage {
    let response = try checked(try transport.perform(Request(path: path)))
    do {
      return try EventPage(json: response.body)
    } catch {
      throw ClientError.unexpected(url: endpoint.url, reason: "its page of events cannot be read: \(error.what)")
    }
  }

  func reply<Value: Decodable & Sendable>(_ response: Response) throws -> Reply<Value> {
    let response = try checked(response)
    do {
      return Reply(value: try JSONDecoder().decode(Value.self, from: Data(response.body)), json: response.body)
    } catch {
      throw ClientError.unexpected(url: endpoint.url, reason: "its answer cannot be read: \(error)")
    }
  }

  /// - Throws: the problem that the response is.
  @discardableResult
  func checked(_ response: Response) throws -> Response {
    if (200..<300).contains(response.status) { return response }
    if response.contentType.hasPrefix(Problem.contentType),
      let problem = try? JSONDecoder().decode(Problem.self, from: Data(response.body))
    {
      throw ClientError.problem(problem)
    }
    throw ClientError.unexpected(
      url: endpoint.url, reason: "it answers \(response.status) \(response.contentType), which no daemon does")
  }
}
