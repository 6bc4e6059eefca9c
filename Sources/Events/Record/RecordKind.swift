/// What a record of the log is. The first four take a position each; the others change the control state.
/// Numbers are part of the log format (docs/log-format.md) and never reused.
package enum RecordKind: UInt8, Sendable, CaseIterable {
  case event = 1
  case command = 2
  case message = 3
  case timer = 4
  case outcome = 16
  case delivered = 17
  case failed = 18
  case fired = 19
  case cancelled = 20
  case progress = 21
  case resolved = 22
  case instance = 23
  case reader = 24
  case deploy = 25
  case destination = 26
  case schedule = 27
  case source = 28
  case repair = 29

  /// Whether a record of this kind number takes a position. Kinds 1–15 do, known or not.
  @inlinable package static func takesPosition(_ rawKind: UInt8) -> Bool { rawKind < 16 }
}

/// The 8 bytes every record begins with: kind (u8), flags (u8), a 16-bit field the kind uses, length of the whole
/// record (u32, these 8 bytes included).
package enum RecordHeader {
  package static let size = 8
  /// Flag: a reader that does not know the kind may skip the record; without it, it must refuse the log.
  package static let skippable: UInt8 = 1
}
