package import Events

/// The 128-bit identity of a log, random, made once with the log.
package struct LogID: Hashable, Sendable, CustomStringConvertible {
  package let high: UInt64
  /// What every commit carries, and the seed of the log's hashes.
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// 32 hexadecimal digits, lower case.
  package var description: String { Self.hex(high) + Self.hex(low) }

  private static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// Where commit times come from. Fixed when a log is made.
package enum ClockMode: UInt8, Sendable {
  /// The host's clock at append.
  case host = 0
  /// max(previous, the event's claim): for imported histories.
  case events = 1
}

/// The limits a log was made with. Recovery relies on them, so they never change.
package struct LogLimits: Sendable, Equatable {
  /// The largest group, all its commits with headers and padding.
  package var maxGroupBytes: Int
  /// How many bytes may be appended and not yet synced; so the largest tail that a crash can tear.
  package var maxUnsyncedBytes: Int

  package init(maxGroupBytes: Int = 16 << 20, maxUnsyncedBytes: Int = 64 << 20) {
    self.maxGroupBytes = maxGroupBytes
    self.maxUnsyncedBytes = maxUnsyncedBytes
  }

  /// What the format can express and recovery can afford.
  var areSound: Bool {
    (4096...(1 << 30)).contains(maxGroupBytes) && (maxGroupBytes...(1 << 36)).contains(maxUnsyncedBytes)
  }
}

/// What a log is: fixed when it is made, repeated in the header of every segment.
package struct LogIdentity: Sendable, Equatable {
  package let id: LogID
  /// The `source` of events made here: 1–252 bytes.
  package let name: String
  package let clockMode: ClockMode
  package let limits: LogLimits

  package static let maximumNameBytes = 252

  package init(id: LogID, name: String, clockMode: ClockMode, limits: LogLimits) {
    self.id = id
    self.name = name
    self.clockMode = clockMode
    self.limits = limits
  }

  /// The hash of types, subjects and outside identities in this log.
  package var hash: StableHash { StableHash(seed: id.low) }
}

/// Who made a commit. One commit has one producer.
package struct Producer: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let door = Producer(rawValue: 0)
  package static let `operator` = Producer(rawValue: 1)
  package static let clock = Producer(rawValue: 2)
  package static let delivery = Producer(rawValue: 3)
  package static let host = Producer(rawValue: 4)

  /// Reader `number` of this log.
  package static func reader(_ number: UInt32) -> Producer { Producer(rawValue: 256 + number) }

  /// The reader's number, when a reader made the commit.
  package var reader: UInt32? { rawValue >= 256 ? rawValue - 256 : nil }

  package var description: String {
    switch self {
    case .door: "door"
    case .operator: "operator"
    case .clock: "clock"
    case .delivery: "delivery"
    case .host: "host"
    default: reader.map { "reader \($0)" } ?? "producer \(rawValue)"
    }
  }
}
