import Scripts

extension KeyRule {
  /// Tells key rules apart in the log; empty for the default. Two functions look the same.
  var fingerprint: String {
    switch self {
    case .subject: ""
    case .path(let parts): parts.joined(separator: ".")
    case .function: "function"
    case .perType(let entries):
      entries.map { "\($0.pattern)=\($0.rule.fingerprint)" }.sorted().joined(separator: ",")
    }
  }
}
