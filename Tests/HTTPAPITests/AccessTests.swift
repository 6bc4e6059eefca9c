import Engine
import Events
import Foundation
import HTTPTypes
import Logging
import Testing
import Wire

@testable import HTTPAPI

struct `Who may come in` {
  private func rule(_ address: String = "127.0.0.1:8070", hosts: [String] = [], tokens: TokenList? = nil) throws
    -> AccessRule
  {
    AccessRule(try DoorConfiguration(address: #require(ListenAddress(address)), hosts: hosts, tokens: tokens))
  }

  private func request(_ host: String?, _ fields: HTTPFields = [:]) -> HTTPRequest {
    HTTPRequest(method: .post, scheme: "http", authority: host, path: "/events", headerFields: fields)
  }

  @Test(arguments: [
    "localhost", "localhost:8070", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8070", "[::1]", "[::1]:8070", "moon.example",
    "Moon.Example:443",
  ])
  func `names of this machine and configured ones are known`(host: String) throws {
    #expect(try rule(hosts: ["moon.example"]).problem(request(host), scope: .append) == nil)
  }

  @Test(arguments: [
    "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", "[::1",
    "localhost@evil.example",
    "evil.example:8070", "127.0.0.2", "0.0.0.0", "[",
  ])
  func `other names are not, so that rebinding a name leads nowhere`(host: String) throws {
    #expect(try rule().problem(request(host), scope: .append)?.kind == .unknownHost)
  }

  @Test func `a request names its host once`() throws {
    #expect(try rule().problem(request(nil), scope: nil)?.kind == .badRequest)
    #expect(try rule().problem(request(""), scope: nil)?.kind == .badRequest)
    let twice = request("localhost", [HTTPField.Name("Host")!: "evil.example"])
    #expect(try rule().problem(twice, scope: nil)?.kind == .badRequest)
  }

  @Test(arguments: [
    "http://evil.example", "https://localhost:8070.evil.example", "null", "http://localhost:3000",
    "http://127.0.0.1:8070",
    "file://", "",
  ])
  func `another page's origin is foreign`(origin: String) throws {
    #expect(try rule().problem(request("localhost:8070", [.origin: origin]), scope: .read)?.kind == .foreignOrigin)
  }

  @Test func `the own origin is not`() throws {
    #expect(try rule().problem(request("localhost:8070", [.origin: "http://localhost:8070"]), scope: .read) == nil)
    #expect(
      try rule(hosts: ["moon.example"]).problem(
        request("moon.example", [.origin: "https://moon.example"]), scope: .read) == nil)
  }

  @Test(arguments: [("cross-site", true), ("same-site", true), ("same-origin", false), ("none", false)])
  func `what the browser says of the site counts`(site: String, isForeign: Bool) throws {
    let problem = try rule().problem(request("localhost", [.fetchSite: site]), scope: .read)
    #expect(problem?.kind == (isForeign ? .foreignOrigin : nil))
  }

  @Test func `behind another address the addresses of this machine are known too`() throws {
    let tokens = try TokenList(text: "read 0123456789abcdef")
    let open = try rule("0.0.0.0:8070", tokens: tokens)
    #expect(open.problem(request("192.168.1.5:8070"), scope: nil) == nil)
    #expect(open.problem(request("[fe80::1]:8070"), scope: nil) == nil)
    #expect(open.problem(request("evil.example"), scope: nil)?.kind == .unknownHost)
  }

  @Test func `these rules stand before everything else`() async throws {
    try await TestServer.run { server in
      for path in ["/events", "/nothing", "/health/live", "/reload"] {
        let foreign = try await server.get(path, [("Host", "evil.example")])
        #expect(foreign.status == 403)
        let crossSite = try await server.get(path, [("Sec-Fetch-Site", "cross-site")])
        #expect(crossSite.status == 403)
      }
      let form = try await server.post(event: event(), [("Origin", "http://evil.example")])
      #expect(form.status == 403)
      #expect(server.host.durable == .start)
      let configured = try await server.get("/health/live", [("Host", "moon.example")])
      #expect(configured.status == 200)
    }
  }

  // MARK: Tokens

  private static let tokens = """
    # who may what
    append  append-token-0123456789
    read\tread-token-0123456789

    append,read,admin all-token-0123456789
    """

  @Test(arguments: [
    ("append-token-0123456789", 201, 403, 403), ("read-token-0123456789", 403, 200, 403),
    ("all-token-0123456789", 201, 200, 200), ("wrong-token-0123456789", 401, 401, 401), ("", 401, 401, 401),
  ])
  func `a token opens what it has scopes for`(token: String, append: Int, read: Int, admin: Int) async throws {
    try await TestServer.run(tokens: TokenList(text: Self.tokens)) { server in
      let header = token.isEmpty ? [] : [("Authorization", "Bearer " + token)]
      let appended = try await server.post(event: event(), header)
      #expect(appended.status == append)
      for path in ["/events", "/events?last=3", "/subjects/x", "/status", "/openapi.json"] {
        let answer = try await server.get(path, header)
        #expect(answer.status == read, "\(path)")
      }
      let follow = try await server.get(
        "/events?limit=1&from=99", header + [("Accept", "text/event-stream"), ("Last-Event-ID", "x")])
      #expect(follow.status == (read == 200 ? 400 : read))
      let reload = try await server.request("POST", "/reload", header)
      #expect(reload.status == admin)
      let unknown = try await server.get("/nothing", header)
      #expect(unknown.status == (read == 200 ? 404 : read))
      let live = try await server.get("/health/live")
      #expect(live.status == 200)
      if read == 401 { #expect(reload.headers["www-authenticate"] == "Bearer") }
    }
  }

  @Test(arguments: ["Basic all-token-0123456789", "Bearer", "Bearer all-token-0123456789 x", "all-token-0123456789"])
  func `a token comes as a bearer token`(header: String) async throws {
    try await TestServer.run(tokens: TokenList(text: Self.tokens)) { server in
      let answer = try await server.get("/status", [("Authorization", header)])
      #expect(answer.status == 401)
      let inAddress = try await server.get("/status?token=all-token-0123456789")
      #expect(inAddress.status == 401)
    }
  }

  @Test(arguments: [
    ("", "no token"), ("# nothing\n", "no token"), ("read short", "line 1"), ("\nwrite 0123456789abcdef", "line 2"),
    ("read", "line 1"), ("read 0123456789abcdef x y", "line 1"), ("read, 0123456789abcdef", "line 1"),
    ("read 0123456789abcdef a\u{7F}", "line 1"),
    ("read 0123456789abcdef \(String(repeating: "n", count: 129))", "line 1"),
  ])
  func `a token file that is wrong says so`(text: String, words: String) throws {
    let error = try #require(throws: DoorError.self) { try TokenList(text: text) }
    #expect(error.code == .tokenFile && error.message.contains(words), "\(error.message)")
    #expect(!error.message.contains("0123456789abcdef"))
  }

  @Test func `a token has the name that its line gives, else its line`() throws {
    let list = try TokenList(
      text: "\nread 0123456789abcdef anna\r\nadmin 0123456789abcdef bert\nread,append fedcba9876543210\n")
    #expect(list.name(of: "0123456789abcdef") == "anna")
    #expect(list.scopes(of: "0123456789abcdef") == [.read, .admin])
    #expect(list.name(of: "fedcba9876543210") == "token 4")
    #expect(list.name(of: "anna") == nil)
  }

  @Test func `a token file that others can read is refused`() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(throws: DoorError.self) { try TokenList(file: path) }
    try Data(Self.tokens.utf8).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    let open = try #require(throws: DoorError.self) { try TokenList(file: path) }
    #expect(open.message.contains("chmod 600"))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    #expect(try TokenList(file: path).scopes(of: "all-token-0123456789") == [.append, .read, .admin])
    #expect(throws: DoorError.self) { try TokenList(file: FileManager.default.temporaryDirectory.path) }
  }

  // MARK: Where it listens

  @Test(arguments: [
    ("127.0.0.1:8070", true), ("localhost:0", true), ("[::1]:8070", true), ("127.9.9.9:1", true),
    ("0.0.0.0:8070", false),
    ("[::]:8070", false), ("192.168.1.1:80", false), ("example.org:80", false), ("127.evil.example:80", false),
  ])
  func `an address that others can reach needs tokens`(text: String, isLoopback: Bool) throws {
    let address = try #require(ListenAddress(text))
    #expect(address.isLoopback == isLoopback)
    #expect(address.description == text)
    if isLoopback {
      _ = try DoorConfiguration(address: address)
    } else {
      let error = try #require(throws: DoorError.self) { try DoorConfiguration(address: address) }
      #expect(error.code == .openDoor && error.message.contains("--token-file"))
      _ = try DoorConfiguration(address: address, tokens: TokenList(text: Self.tokens))
    }
  }

  @Test(arguments: [
    "", "8070", ":8070", "localhost", "localhost:", "localhost:70000", "localhost:x", "::1:8070", "localhost:-1",
  ])
  func `what is no address is refused`(text: String) { #expect(ListenAddress(text) == nil) }

  @Test func `a port that is taken is said in a sentence`() async throws {
    try await TestServer.run { server in
      let configuration = try DoorConfiguration(address: ListenAddress(host: "127.0.0.1", port: server.port))
      let door = HTTPDoor(
        configuration, host: server.host, reading: server.host, version: "1", logger: Logger(label: "test"))
      let error = await #expect(throws: DoorError.self) { try await door.run() }
      #expect(error?.code == .cannotListen)
      #expect(error?.message.contains("127.0.0.1:\(server.port)") == true)
    }
  }
}
