package import Wire

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// How a command ended, as its sender is told.
package enum CommandReply: Sendable, Equatable {
  case accepted([EventText])
  /// It is durable and not decided yet.
  case pending(CommandReceipt)
}

extension Client {
  /// Sends a command, given as the JSON that `POST /commands` takes.
  /// - Parameter wait: a span such as `10s`; nil: as long as the daemon waits by itself.
  /// - Throws: a problem of the kind `rejected` when its owner has rejected it.
  package func send(_ command: String, _ body: [UInt8], wait: String?) throws -> Reply<CommandReply> {
    let query = wait.map { "?wait=\(EventSelection.encoded($0))" } ?? ""
    let request = Request(
      method: "POST", path: "/commands/\(EventSelection.encoded(command))" + query,
      headers: ["Content-Type: application/json"], body: .bytes(body), timeout: 120)
    let response = try checked(try transport.perform(request))
    if response.status == 202 {
      let receipt: Reply<CommandReceipt> = try reply(response)
      return Reply(value: .pending(receipt.value), json: receipt.json)
    }
    let list = try member("events", of: response)
    let events = try elements(of: response, in: list).map { EventText(json: response.body[$0]) }
    return Reply(value: .accepted(events), json: response.body)
  }

  /// What an aggregate has made of a subject, as JSON. `at`: a position or a time; nil: now.
  package func state(of subject: String, aggregate: String, at: String?) throws -> Reply<[UInt8]> {
    var path = "/aggregates/\(EventSelection.encoded(aggregate))?subject=\(EventSelection.encoded(subject))"
    if let at { path += "&at=\(EventSelection.encoded(at))" }
    let response = try checked(try transport.perform(Request(path: path, timeout: 600)))
    return Reply(value: Array(response.body[try member("state", of: response)]), json: response.body)
  }

  private func member(_ name: String, of response: Response) throws -> Range<Int> {
    guard let found = try? JSONScanner.members(response.body).first(where: { $0.name == name }) else {
      throw ClientError.unexpected(url: endpoint.url, reason: "its answer has no \(name)")
    }
    return found.value
  }

  private func elements(of response: Response, in range: Range<Int>) throws -> [Range<Int>] {
    guard let elements = try? JSONScanner.elements(response.body, in: range) else {
      throw ClientError.unexpected(url: endpoint.url, reason: "its answer cannot be read")
    }
    return elements
  }
}
