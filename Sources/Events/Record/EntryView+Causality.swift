/// How what an event causes hangs together with it.
extension EntryView {
  /// Whether only the host makes events of this type.
  package var isHostEvent: Bool { NameRule.isHostType(type) }

  /// Whether cause and root lie in another log, so that their positions mean nothing here.
  @inlinable package var isForeign: Bool { attributesLength > 0 && attributes[.causelog] != nil }

  /// The root of what this entry, which stands at `position`, causes.
  @inlinable package func rootHere(at position: UInt64) -> UInt64 { root == 0 || isForeign ? position : root }
}

extension EntryBatch {
  /// Gives the open entry the attributes that go from cause to effect: correlation and tracing.
  @inline(__always)
  package func inheritAttributes(of cause: EntryView) {
    for attribute in cause.attributes {
      switch attribute.known {
      case .traceparent?, .tracestate?, .correlationid?: addAttribute(attribute.known!, attribute.value)
      default: break
      }
    }
  }
}
