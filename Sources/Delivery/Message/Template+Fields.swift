internal import Scripts

extension Template {
  /// Whether it is the same for all messages.
  var isWithoutFields: Bool {
    parts.allSatisfy { part in
      if case .field = part { return false }
      return true
    }
  }
}
