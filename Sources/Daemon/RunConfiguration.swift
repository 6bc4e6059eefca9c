package import LogStorage

/// How a daemon is to run: what the command line says, checked.
package struct RunConfiguration: Sendable {
  package enum LogFormat: String, Sendable, CaseIterable {
    case text, json
  }

  package var handlers = "handlers"
  package var data = "data"
  package var host = "127.0.0.1"
  package var port = 8070
  /// Threads that run Lua.
  package var workers = 2
  /// Spaces the syncs, in milliseconds; 0: one after the other.
  package var syncEvery = 0
  /// Nil: as the log was made, the host's clock for a new one.
  package var clock: ClockMode?
  package var acceptsClockJumps = false
  package var logFormat = LogFormat.text
  package var tokenFile: String?

  /// Where the documents of projections are kept.
  var viewsPath: String { data + "/views.db" }

  package init() {}
}

/// The version of the program.
package enum Version {
  package static let text = "0.1.0"
}
