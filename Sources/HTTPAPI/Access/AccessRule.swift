internal import HTTPTypes
internal import Wire

/// Decides from the head of a request whether it may come in. The names keep web pages out that a browser was lured
/// to: such a page can make the browser send requests here, but it cannot choose these headers.
struct AccessRule: Sendable {
  /// In small letters; a few, so that looking at each is faster than hashing.
  private let hosts: [String]
  private let allowsAddresses: Bool
  private let tokens: TokenList?

  init(_ configuration: DoorConfiguration) {
    let own = ["localhost", "127.0.0.1", "[::1]"]
    let address = configuration.address
    let listening = address.host.contains(":") ? "[\(address.host)]" : address.host
    hosts = (own + [listening] + configuration.hosts).map { $0.lowercased() }
    // Behind another address there is always a token, and a name, not an address, is what rebinding needs.
    allowsAddresses = !address.isLoopback
    tokens = configuration.tokens
  }

  /// The problem to answer with; nil when the request may come in.
  func problem(_ request: HTTPRequest, scope: Scope?) -> Problem? {
    guard let authority = request.authority, !authority.isEmpty, !request.headerFields.contains(.host)
    else { return Problem(.badRequest, "A request names its host exactly once, in the header Host.") }
    guard isKnown(authority) else {
      return Problem(
        .unknownHost,
        "The header Host is none of this daemon's names. Use localhost, or start the daemon with the name it goes by.")
    }
    if let origin = request.headerFields.value(of: .origin), !Self.isSame(origin.lowercased(), authority.lowercased()) {
      return Problem(.foreignOrigin, "The header Origin names another web page, and those are kept out.")
    }
    if let site = request.headerFields.value(of: .fetchSite), site != "same-origin", site != "none" {
      return Problem(
        .foreignOrigin, "The header Sec-Fetch-Site says that another web page asks, and those are kept out.")
    }
    return scope.flatMap { token(request, $0) }
  }

  /// For a request that shows by itself where it comes from: it may name any host, as its sender knows this daemon by the
  /// name of whatever stands before it.
  func problem(ofVerified request: HTTPRequest) -> Problem? {
    guard let authority = request.authority, !authority.isEmpty, !request.headerFields.contains(.host)
    else { return Problem(.badRequest, "A request names its host exactly once, in the header Host.") }
    return nil
  }

  private func isKnown(_ authority: String) -> Bool {
    let name = Self.name(of: authority)
    for host in hosts where Self.isSameName(name.utf8, host.utf8) { return true }
    return allowsAddresses && Self.isAddress(name)
  }

  /// Equal but for the case of ASCII letters; `small` is in small letters.
  private static func isSameName(_ name: Substring.UTF8View, _ small: String.UTF8View) -> Bool {
    name.count == small.count
      && zip(name, small).allSatisfy {
        $0 == $1 || $0 | 0x20 == $1 && $1 >= UInt8(ascii: "a") && $1 <= UInt8(ascii: "z")
      }
  }

  private static func isSame(_ origin: String, _ authority: String) -> Bool {
    origin == "http://" + authority || origin == "https://" + authority
  }

  /// The host without its port.
  private static func name(of authority: String) -> Substring {
    let bytes = authority.utf8
    if bytes.first == UInt8(ascii: "[") {
      return bytes.firstIndex(of: UInt8(ascii: "]")).map { authority[...$0] } ?? authority[...]
    }
    return authority[..<(bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex)]
  }

  private static func isAddress(_ name: Substring) -> Bool {
    if name.hasPrefix("["), name.hasSuffix("]") {
      return name.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" }
    }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }

  private func token(_ request: HTTPRequest, _ scope: Scope) -> Problem? {
    guard let tokens else { return nil }
    guard let token = Self.bearer(request), let scopes = tokens.scopes(of: token) else {
      return Problem(.unauthorized, "Send a token of the daemon's token file: Authorization: Bearer TOKEN.")
    }
    guard scopes.contains(scope) else {
      return Problem(
        .forbidden, "This needs a token with the scope \(scope.rawValue), and the one sent does not have it.")
    }
    return nil
  }

  private static func bearer(_ request: HTTPRequest) -> String? {
    let words = request.headerFields.value(of: .authorization)?.split(separator: " ") ?? []
    return words.count == 2 && words[0].lowercased() == "bearer" ? String(words[1]) : nil
  }

  /// Who sends a request that may come in, for the log: the name of its token; `local` where there are no tokens.
  func sender(of request: HTTPRequest) -> String {
    tokens.flatMap { tokens in Self.bearer(request).flatMap { tokens.name(of: $0) } } ?? "local"
  }
}

extension HTTPField.Name {
  static let host = HTTPField.Name("Host")!
  static let fetchSite = HTTPField.Name("Sec-Fetch-Site")!
  static let lastEventID = HTTPField.Name("Last-Event-ID")!
}
