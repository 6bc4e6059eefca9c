extension StatusReport {
  /// How a view is.
  package struct View: Codable, Sendable, Equatable {
    /// Newer code that is folded beside the view; once it has caught up it takes the view's place.
    package struct Rebuild: Codable, Sendable, Equatable {
      package var position: UInt64
      package var lag: UInt64
      /// Positions a second.
      package var rate: Double
      package var secondsLeft: Double?
      /// Why it was given up; the view goes on as it is.
      package var error: String?
      /// The event and key that failed, and when: microseconds since 1970.
      package var failedAt: UInt64?
      package var failedKey: String?
      package var failedSince: Int64?

      package init(position: UInt64, lag: UInt64, rate: Double, secondsLeft: Double?) {
        (self.position, self.lag, self.rate, self.secondsLeft) = (position, lag, rate, secondsLeft)
      }
    }

    package var name: String
    /// The file that declares it.
    package var script: String
    /// `live`, `building` (it has not caught up with the log yet), `full` (too much waits for frozen keys) or `waiting`.
    package var state: String
    /// More about the state, for people.
    package var note: String?
    /// The last event that it has read, and how many durable ones come after it.
    package var position: UInt64
    package var lag: UInt64
    /// Positions a second, lately, and how long it will take to catch up.
    package var rate: Double
    package var secondsLeft: Double?
    /// Whether it is folded from the start of the log: for the first time, or newer code beside it.
    package var rebuilding: Bool
    package var rebuild: Rebuild?
    /// Keys whose documents stay as they are since folding failed, and their events that wait.
    package var frozen: Int
    package var waiting: Int

    package init(
      name: String, script: String, state: String, note: String? = nil, position: UInt64, lag: UInt64, rate: Double = 0,
      secondsLeft: Double? = nil, rebuilding: Bool = false, rebuild: Rebuild? = nil, frozen: Int = 0, waiting: Int = 0
    ) {
      (self.name, self.script, self.state, self.note) = (name, script, state, note)
      (self.position, self.lag, self.rate, self.secondsLeft) = (position, lag, rate, secondsLeft)
      (self.rebuilding, self.rebuild, self.frozen, self.waiting) = (rebuilding, rebuild, frozen, waiting)
    }
  }
}

/// The answer to `GET /views`.
package struct ViewList: Codable, Sendable, Equatable {
  package var views: [StatusReport.View]

  package init(views: [StatusReport.View]) { self.views = views }
}

/// The answer to `GET /views/{name}`, without the documents themselves, which are whatever the scripts made.
package struct ViewPageReport: Codable, Sendable, Equatable {
  package var view: String
  package var position: UInt64
  /// How a past moment was found.
  package var found: String?
  /// Where the next page begins.
  package var next: String?
}
