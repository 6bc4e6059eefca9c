internal import Events

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What a token allows.
package enum Scope: String, Sendable, CaseIterable {
  case append
  case read
  case admin
}

/// The tokens that open the door. Only their hashes are kept.
package struct TokenList: Sendable {
  private struct Entry: Sendable {
    let hash: ContentHash
    let scopes: Set<Scope>
    let name: String
  }

  /// Shortest token that is taken, in bytes.
  package static let minimumLength = 16

  private var entries: [Entry] = []

  /// Lines of scopes and token, and perhaps the name of who has it, `append,read TOKEN anna`; `#` begins a comment.
  package init(text: String) throws(DoorError) {
    var number = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      number += 1
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      guard (2...3).contains(words.count) else {
        throw Self.error(
          line: number, "a line is scopes, token and perhaps a name, like: append,read TOKEN or: read,admin TOKEN anna")
      }
      var scopes: Set<Scope> = []
      for name in first.split(separator: ",", omittingEmptySubsequences: false) {
        guard let scope = Scope(rawValue: String(name)) else {
          throw Self.error(line: number, "the scopes are append, read and admin")
        }
        scopes.insert(scope)
      }
      guard words[1].utf8.count >= Self.minimumLength else {
        throw Self.error(line: number, "a token has at least \(Self.minimumLength) characters")
      }
      let name = words.count == 3 ? String(words[2]) : "token \(number)"
      guard NameRule.declaration.allows(name) else {
        throw Self.error(
          line: number, "a name has at most \(NameRule.maximumDeclarationBytes) bytes and no control characters")
      }
      entries.append(Entry(hash: ContentHash(of: Array(words[1].utf8)), scopes: scopes, name: name))
    }
    if entries.isEmpty { throw DoorError(.tokenFile, "the token file has no token in it") }
  }

  /// Reads a file that only its owner can read.
  package init(file path: String) throws(DoorError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw DoorError(.tokenFile, "the token file \(path) cannot be opened: errno \(errno)")
    }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      throw DoorError(.tokenFile, "the token file \(path) is not a file")
    }
    guard information.st_mode & 0o077 == 0 else {
      throw DoorError(.tokenFile, "others can read the token file: chmod 600 \(path)")
    }
    guard information.st_size <= 1 << 20 else { throw DoorError(.tokenFile, "the token file is larger than 1 MiB") }
    var content = [UInt8](repeating: 0, count: Int(information.st_size))
    let count = content.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    guard count == content.count, let text = String(validating: content, as: UTF8.self) else {
      throw DoorError(.tokenFile, "the token file \(path) cannot be read as text")
    }
    try self.init(text: text)
  }

  /// What the token allows; nil when there is no such token. Takes the same time for every token of a length, whatever
  /// the list holds.
  func scopes(of token: String) -> Set<Scope>? {
    let hash = ContentHash(of: Array(token.utf8))
    var found: Set<Scope>?
    for entry in entries where Self.isEqual(entry.hash, hash) { found = (found ?? []).union(entry.scopes) }
    return found
  }

  /// Who has the token: the name that its first line gives, else `token 3` for one in line 3. Nil when there is no such
  /// token. Takes its time as `scopes` does.
  func name(of token: String) -> String? {
    let hash = ContentHash(of: Array(token.utf8))
    var found: String?
    for entry in entries where Self.isEqual(entry.hash, hash) { found = found ?? entry.name }
    return found
  }

  private static func isEqual(_ left: ContentHash, _ right: ContentHash) -> Bool {
    var difference: UInt8 = 0
    for index in 0..<32 { difference |= left.bytes[index] ^ right.bytes[index] }
    return difference == 0
  }

  private static func error(line: Int, _ text: String) -> DoorError {
    DoorError(.tokenFile, "line \(line) of the token file: \(text)")
  }
}
