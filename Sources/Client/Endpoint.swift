#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Where the daemon is, and what it wants to see first.
package struct Endpoint: Sendable, Equatable {
  package static let usual = "http://127.0.0.1:8070"

  /// Without a slash at its end.
  package let url: String
  package let token: String?

  /// - Parameters:
  ///   - server: as given on the command line; nil: `MOONDANCE_URL`, else the usual address.
  ///   - tokenFile: as given on the command line; nil: `MOONDANCE_TOKEN_FILE`, else no token.
  package init(server: String?, tokenFile: String?, environment: [String: String]) throws(ClientError) {
    var url = server ?? environment["MOONDANCE_URL"].flatMap { $0.isEmpty ? nil : $0 } ?? Self.usual
    if !url.contains("://") { url = "http://" + url }
    while url.hasSuffix("/") { url.removeLast() }
    guard let scheme = ["http://", "https://"].first(where: { url.lowercased().hasPrefix($0) }),
      url.utf8.count > scheme.utf8.count, !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F })
    else { throw .badSetting("\"\(url)\" is no address of a daemon; one looks like \(Self.usual)") }
    self.url = url
    let file = tokenFile ?? environment["MOONDANCE_TOKEN_FILE"].flatMap { $0.isEmpty ? nil : $0 }
    token = try file.map { (path) throws(ClientError) in try Self.token(inFile: path) }
  }

  /// The first line that is neither empty nor a comment.
  private static func token(inFile path: String) throws(ClientError) -> String {
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)), let text = String(data: data, encoding: .utf8)
    else { throw .badSetting("the token file \(path) cannot be read") }
    let lines = text.split(whereSeparator: \.isNewline).map { $0.filter { !$0.isWhitespace } }
    guard let token = lines.first(where: { !$0.isEmpty && !$0.hasPrefix("#") }) else {
      throw .badSetting("the token file \(path) holds no token")
    }
    guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .badSetting("the token in \(path) has characters that a header cannot carry")
    }
    return token
  }
}
