/// How values that are not text lie in the log: an integer as 8 bytes, a boolean as one.
extension EntryAttributes.Attribute {
  /// The value of an `integer` attribute; nil for another type.
  package var integer: Int64? {
    guard valueType == .integer, value.count == 8, let base = value.baseAddress else { return nil }
    return base.integer(Int64.self, at: 0)
  }

  /// The value of a `boolean` attribute; nil for another type.
  package var boolean: Bool? {
    guard valueType == .boolean, value.count == 1 else { return nil }
    return value[0] != 0
  }
}

extension EntryBatch {
  /// An integer as the log keeps it.
  package func addAttribute(named name: UnsafeRawBufferPointer, integer: Int64) {
    withUnsafeBytes(of: integer.littleEndian) { addAttribute(named: name, $0, as: .integer) }
  }

  /// A boolean as the log keeps it.
  package func addAttribute(named name: UnsafeRawBufferPointer, boolean: Bool) {
    withUnsafeBytes(of: UInt8(boolean ? 1 : 0)) { addAttribute(named: name, $0, as: .boolean) }
  }
}

extension EntryView {
  /// Whether two entries with one identity are one event: the same type, subject and data, byte for byte.
  package func isSameEvent(as other: EntryView) -> Bool {
    rawKind == other.rawKind && type.equals(other.type) && subject.equals(other.subject)
      && dataEncoding == other.dataEncoding && data.equals(other.data)
  }
}
