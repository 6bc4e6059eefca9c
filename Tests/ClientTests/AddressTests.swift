import Foundation
import Testing
import Wire

@testable import Client

struct AddressTests {
  @Test func `the option goes before the environment, and that before the usual address`() throws {
    let environment = ["MOONDANCE_URL": "http://there:1/"]
    #expect(try Endpoint(server: "here:2", tokenFile: nil, environment: environment).url == "http://here:2")
    #expect(try Endpoint(server: nil, tokenFile: nil, environment: environment).url == "http://there:1")
    #expect(try Endpoint(server: nil, tokenFile: nil, environment: [:]).url == Endpoint.usual)
  }

  @Test(arguments: ["ftp://a", "http://", "http://a b", "http://a\r\nX: y"])
  func `what is no address is refused`(_ url: String) {
    #expect(throws: ClientError.self) { try Endpoint(server: url, tokenFile: nil, environment: [:]) }
  }

  @Test func `a token file that is missing is told before anything is sent`() {
    #expect(throws: ClientError.self) {
      try Endpoint(server: nil, tokenFile: nil, environment: ["MOONDANCE_TOKEN_FILE": "/there/is/none"])
    }
  }

  @Test func `every character of a query and a path arrives as itself`() {
    var selection = EventSelection()
    (selection.from, selection.type, selection.subject) = (3, "Order*", "a/b +&ü?")
    #expect(selection.query == "?from=3&type=Order%2A&subject=a%2Fb%20%2B%26%C3%BC%3F")
    #expect(EventSelection().query.isEmpty)
  }

  @Test func `a consumer of any name has its path, and a list of letters its query`() {
    #expect(Client.path(ofConsumer: "a/b ü?") == "/consumers/a%2Fb%20%C3%BC%3F")
    #expect(Client.path(ofConsumer: "..") == "/consumers/..")
    var selection = DeadLetterSelection()
    #expect(selection.query.isEmpty)
    (selection.owner, selection.key, selection.error, selection.limit) = ("c&d", "#12", "50 % off", 3)
    (selection.type, selection.after) = ("T*", "8123.2")
    #expect(
      selection.query == "?consumer=c%26d&key=%2312&type=T%2A&error=50%20%25%20off&limit=3&after=8123.2")
  }

  @Test func `the outbox has addresses of its own`() {
    #expect(Client.path(ofDestination: "a/b ü?") == "/destinations/a%2Fb%20%C3%BC%3F")
    var selection = DeadLetterSelection(.messages)
    (selection.owner, selection.key) = ("w h", "k")
    #expect(selection.kind.path + selection.query == "/outbox?destination=w%20h&key=k")
  }

  @Test(arguments: [
    (RewindRequest.Target.position(813), #"{"to":813}"#), (.time("2026-01-31"), #"{"to":"2026-01-31"}"#),
  ])
  func `where a rewind goes is a number or text`(target: RewindRequest.Target, json: String) throws {
    #expect(String(decoding: try JSONEncoder().encode(RewindRequest(to: target)), as: UTF8.self) == json)
    #expect(try JSONDecoder().decode(RewindRequest.self, from: Data(json.utf8)).to == target)
  }

  @Test func `a follower that comes back asks for what follows, not for the last ones again`() {
    var selection = EventSelection()
    selection.last = 20
    #expect(Client.followRequest(selection, after: nil).path == "/events?last=20")
    let again = Client.followRequest(selection, after: 41)
    #expect(again.path == "/events")
    #expect(again.headers.contains("Last-Event-ID: 41"))
  }
}
