/// How the door is set up. Making one checks that nobody can come in who should not.
package struct DoorConfiguration: Sendable {
  package let address: ListenAddress
  /// Names that requests may give as `Host`, besides those of this machine.
  package let hosts: [String]
  /// Who may do what; nil: everybody who can reach the door, so it must be on loopback.
  package let tokens: TokenList?
  package var limits: DoorLimits

  /// - Throws: `DoorError` when the address can be reached from other machines and there are no tokens.
  package init(
    address: ListenAddress, hosts: [String] = [], tokens: TokenList? = nil, limits: DoorLimits = DoorLimits()
  ) throws(DoorError) {
    guard address.isLoopback || tokens != nil else {
      throw DoorError(
        .openDoor,
        """
        \(address) can be reached from other machines, so requests must show a token. Make a file with a line like \
        "append,read,admin <a long random token>", chmod 600 it and start with --token-file FILE; or listen on \
        127.0.0.1:\(address.port).
        """)
    }
    (self.address, self.hosts, self.tokens, self.limits) = (address, hosts, tokens, limits)
  }
}

/// Why the door cannot open.
package struct DoorError: Error, Equatable, CustomStringConvertible {
  package enum Code: Sendable {
    /// Reachable from other machines and without tokens.
    case openDoor
    /// The token file is missing, readable by others, or not understood.
    case tokenFile
    /// The address is taken or is not this machine's.
    case cannotListen
  }

  package var code: Code
  package var message: String

  package init(_ code: Code, _ message: String) { (self.code, self.message) = (code, message) }

  package var description: String { message }
}
