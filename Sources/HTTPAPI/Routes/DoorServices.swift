internal import Engine
internal import Events
internal import HTTPTypes
internal import Metering
internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import Wire

/// What the routes work with.
final class DoorServices: Sendable {
  let host: any EventHost
  let limits: DoorLimits
  let access: AccessRule
  let log: any EventReading
  let page: EventPage
  /// Of consumers.
  let letters: LetterText
  /// Nil: this host has none.
  let views: (any ViewReading)?
  let metrics: DoorMetrics
  /// Nil: this host lets nothing in by itself.
  let sources: (any RequestIntake)?
  let version: String
  /// Where the log is read: reads block.
  let readers: NIOThreadPool
  private let decoders = Mutex<[CloudEventDecoder]>([])

  init(
    configuration: DoorConfiguration, host: any EventHost, reading: any EventReading, version: String,
    readers: NIOThreadPool, views: (any ViewReading)? = nil, sources: (any RequestIntake)? = nil,
    metrics: MetricsRegistry = MetricsRegistry()
  ) {
    (self.host, self.log, self.version, self.readers) = (host, reading, version, readers)
    (self.views, self.sources) = (views, sources)
    self.metrics = DoorMetrics(metrics)
    limits = configuration.limits
    access = AccessRule(configuration)
    let encoder = CloudEventEncoder(logName: host.logName)
    page = EventPage(reading: reading, encoder: encoder, limits: configuration.limits)
    letters = LetterText(reading: reading, form: .events(encoder), limits: configuration.limits)
  }

  /// Dead letters of destinations. `logID`: as the status gives it.
  func outboxLetters(logID: String) -> LetterText {
    LetterText(reading: log, form: .messages(MessageText(logID: logID)), limits: limits)
  }

  /// Runs `body` with a decoder that nobody else uses. Decoders are kept, without the memory of large documents.
  func decoding<Result>(
    _ body: (CloudEventDecoder) throws(CloudEventError) -> Result
  ) throws(CloudEventError) -> Result {
    let decoder = decoders.withLock { $0.popLast() } ?? CloudEventDecoder(maximumEventBytes: limits.eventBytes)
    defer {
      decoder.trim()
      decoders.withLock { $0.append(decoder) }
    }
    return try body(decoder)
  }

  /// Runs `body` on a reading thread.
  func reading<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws(Problem) -> Result {
    do {
      return try await readers.runIfActive(body)
    } catch let problem as Problem {
      throw problem
    } catch is CancellationError {
      throw Problem(.stopping, "The daemon is stopping. Try again when it runs.")
    } catch {
      throw Problem(
        .readFailed,
        "A part of the log could not be read; the daemon's own log says which. Nothing is left out silently.")
    }
  }

  /// Why nothing can be appended now; asked before the body of a request is read.
  var backPressure: Problem? {
    if host.isOutOfSpace { return Self.outOfSpace }
    if host.isOverloaded { return Self.overloaded }
    return nil
  }

  static let outOfSpace = Problem(.outOfSpace, "Nothing can be appended until there is room on the disk. Reads go on.")
  static let overloaded = Problem(.overloaded, "More arrives than can be taken in. Send the same again a little later.")
}
