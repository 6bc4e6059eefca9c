/// What the door lets through, and for how long it waits. Every limit has a test.
package struct DoorLimits: Sendable {
  /// One event, in bytes of its JSON; also the body of an operator's request.
  package var eventBytes = 1 << 20
  /// One batch of events.
  package var batchBytes = 8 << 20
  /// All headers of a request together.
  package var headerBytes = 16 << 10
  /// The address of a request: path and query.
  package var addressBytes = 8 << 10
  /// Connections at a time. One more takes the place of the connection that has been idle for longest.
  package var connections = 1024

  /// From the first byte of a request to the end of its headers.
  package var headerTime: Duration = .seconds(10)
  /// From the first byte of a request to its last. A stream of events is exempt.
  package var requestTime: Duration = .seconds(30)
  /// Without a request, or in a stream without a byte.
  package var idleTime: Duration = .seconds(60)
  /// How long a reader may take nothing of an answer.
  package var stallTime: Duration = .seconds(30)
  /// How long a reader who follows may take for one portion.
  package var followTime: Duration = .seconds(10)
  /// How often a follower hears that the connection is alive.
  package var keepAliveTime: Duration = .seconds(15)
  /// How long the rest of a refused request is read and thrown away, so that the sender sees the answer.
  package var lingerTime: Duration = .seconds(2)
  /// How long a stream waits for a busy engine before it gives up.
  package var overloadTime: Duration = .seconds(30)

  /// How long the sender of a command waits for its outcome, unless it says otherwise.
  package var commandTime: Duration = .seconds(10)

  /// A stream is committed in chunks of so many events or bytes, and so many chunks are under way at a time.
  package var chunkEvents = 1024
  package var chunkBytes = 256 << 10
  package var chunksInFlight = 4

  /// Events of one page: when nothing is said, and at most.
  package var pageEvents = 100
  package var pageEventsMaximum = 1000
  /// Dead letters of one page: when nothing is said, and at most. Verbs take as many ids as a page has at most.
  package var pageLetters = 100
  package var pageLettersMaximum = 1000
  /// Timers of one page: when nothing is said, and at most.
  package var pageTimers = 100
  package var pageTimersMaximum = 1000
  /// A page ends when it has so many bytes.
  package var pageBytes = 4 << 20
  /// A page ends, found something or not, when the log was searched for so long.
  package var searchTime: Duration = .seconds(5)

  package init() {}
}
