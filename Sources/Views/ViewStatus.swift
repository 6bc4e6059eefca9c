/// How a view is, for status.
package struct ViewStatus: Sendable, Equatable {
  package enum State: String, Sendable {
    /// It is folded up to the end of the log, or nearly.
    case live
    /// It is folded for the first time, and queries see what is there so far.
    case building
    /// So many events of frozen keys wait that it does not read on.
    case full
    /// It cannot go on at the moment; `note` says why.
    case waiting
  }

  /// Newer code that is folded beside the view.
  package struct Rebuild: Sendable, Equatable {
    package var position: UInt64
    /// Positions a second.
    package var rate: Double
    package var secondsLeft: Double?
    /// Why it was given up.
    package var failure: Failure?
  }

  package struct Failure: Sendable, Equatable {
    package var error: String
    package var key: String
    package var position: UInt64
    /// µs since 1970.
    package var since: Int64
  }

  package var name: String
  /// The file that declares it.
  package var script: String
  package var state: State
  package var note: String?
  /// The last event that is folded in, or passed over.
  package var position: UInt64
  package var rate: Double
  package var secondsLeft: Double?
  package var rebuild: Rebuild?
  /// Keys that stay as they are since folding failed, and their events that wait, the failed ones included.
  package var frozenKeys: Int
  package var waiting: Int

  package var isRebuilding: Bool { rebuild != nil && rebuild?.failure == nil || state == .building }
}
