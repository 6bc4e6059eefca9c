package import Platform

/// What a courier needs to know besides its log and its environment.
package struct CourierSettings: Sendable {
  /// Of the program, for `user-agent`.
  package var version: String
  /// Lets addresses from documents be private ones, and plain `http`. For tests: with it, a customer's document may
  /// name the machines behind the firewall.
  package var allowsPrivateTargets = false
  /// A file of certificate authorities in PEM that are trusted instead of the system's.
  package var certificates: String?
  package var files: any FileSystem = LocalFileSystem()
  package var clock: any HostClock = SystemClock()

  package init(version: String) { self.version = version }
}

/// The newest durable documents of projections, which destinations with `each` take their targets from.
package protocol TargetDocuments: Sendable {
  /// The JSON object of a key, or nil when there is none now. Called from the courier's threads, several at once, and
  /// should answer within milliseconds: the deliveries of other targets wait meanwhile.
  func document(of projection: String, key: String) throws -> [UInt8]?
}
