package import Events

/// One thing that handlers can read: which, among those of its kind that the generation declares.
package enum ReadSource: Sendable, Hashable {
  case projection(Int)
  /// By its index among the consumers.
  case aggregate(Int)
}

/// A name that `reads` may have.
struct Readable {
  let name: String
  let source: ReadSource
}

/// Gives handlers what they read: what a source had for a key when everything up to a position was folded and nothing
/// later. The answer depends on the log up to there and on the generation's code, and on nothing else.
///
/// A worker calls it during a handler's call, on its own thread, so it must not touch that worker.
package protocol PastReader: AnyObject {
  /// Appends the document's JSON to `writer`.
  func read(
    _ source: ReadSource, key: UnsafeRawBufferPointer, at position: Position, into writer: inout ByteWriter
  ) -> ReadOutcome
}

package enum ReadOutcome: Sendable {
  case document
  /// The key has no document.
  case none
  /// An event cannot be folded into it: an error of the script that reads, each time anew.
  case failed(String)
  /// It cannot be read now. The call ends, no attempt is counted, and it is made again.
  case hostFault(String)
}
