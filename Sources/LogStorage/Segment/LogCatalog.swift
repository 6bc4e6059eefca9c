internal import Algorithms
internal import Events
internal import Synchronization

/// The segments of a log in order, for everybody. The last one is being written. Any thread.
final class LogCatalog: Sendable {
  private let list: Mutex<[Segment]>

  init(_ segments: [Segment]) { list = Mutex(segments) }

  var segments: [Segment] { list.withLock { $0 } }

  func append(_ segment: Segment) { list.withLock { $0.append(segment) } }

  /// The segment that a commit or position lies in, or would: the last one that `begins` holds for.
  func segment(where begins: (Segment) -> Bool) -> Segment? {
    let segments = segments
    return segments[..<segments.partitioningIndex { !begins($0) }].last
  }
}
