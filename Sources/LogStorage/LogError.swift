package import Platform

/// Why a log cannot be opened, read or written: a code that callers match, and a sentence that names file and offset
/// and says what to do next.
package struct LogError: Error, Sendable, CustomStringConvertible {
  /// Each code has a section in docs/operations.md.
  package struct Code: RawRepresentable, Hashable, Sendable {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    /// Another process has the folder.
    package static let locked = Code(rawValue: "log-locked")
    /// The folder is missing, or may not be read or written.
    package static let folder = Code(rawValue: "log-folder")
    /// There is no log in the folder.
    package static let empty = Code(rawValue: "log-empty")
    /// The system could not read or write.
    package static let inputOutput = Code(rawValue: "log-io")
    /// No room on the disk.
    package static let noSpace = Code(rawValue: "log-no-space")
    /// Written by a newer version; nothing was changed.
    package static let newer = Code(rawValue: "log-newer")
    /// Bytes that were durable are not what was written.
    package static let corrupt = Code(rawValue: "log-corrupt")
    /// A whole commit stands where another one belongs.
    package static let chain = Code(rawValue: "log-chain")
    /// A segment file is missing.
    package static let segmentMissing = Code(rawValue: "log-segment-missing")
    /// More of the tail is bad than a crash can tear.
    package static let tailTooLong = Code(rawValue: "log-tail-too-long")
    /// The log ends before something that is known to have been durable.
    package static let behind = Code(rawValue: "log-behind")
    /// A position that the log does not have.
    package static let position = Code(rawValue: "log-position")
    /// A snapshot cannot be used.
    package static let snapshot = Code(rawValue: "log-snapshot")
    /// Options that make no sense.
    package static let options = Code(rawValue: "log-options")
  }

  package let code: Code
  /// What failed and what to do, for people.
  package let message: String
  /// The file operation that failed, when one did.
  package let cause: FileError?

  package init(_ code: Code, _ message: String, cause: FileError? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// A failed file operation, while `doing` something.
  init(_ cause: FileError, doing: String) {
    let code: Code = cause.isOutOfSpace ? .noSpace : cause.isForbidden ? .folder : .inputOutput
    let advice: String =
      if cause.isOutOfSpace {
        "make room and start again"
      } else if cause.isForbidden {
        "give this user the right to read and write there"
      } else {
        "check the disk before you start again"
      }
    self.init(code, "\(doing): \(cause); \(advice)", cause: cause)
  }

  /// A sync, a rename or the end of a file failed: nothing is known about what was written, and the process must stop
  /// (docs/faults, L3).
  package var isFinal: Bool {
    guard let cause, !cause.mayPass else { return false }
    return [.sync, .syncData, .syncFolder, .close, .rename, .write, .truncate].contains(cause.operation)
  }

  package var description: String { "\(code.rawValue): \(message)" }
}

/// Runs something that touches files, and says what it was for when it fails. `body` throws `FileError` or `LogError`.
func explaining<Value>(_ doing: String, _ body: () throws -> Value) throws(LogError) -> Value {
  do {
    return try body()
  } catch let error as LogError {
    throw error
  } catch let error as FileError {
    throw LogError(error, doing: doing)
  } catch {
    preconditionFailure("the log throws errors of its own only, not \(error)")
  }
}

/// What people are told to do about damage that Moondance does not repair by itself.
enum Advice {
  static let damage =
    "keep a copy of the folder and run \"moondance log verify\"; restore a backup or use \"moondance log repair\""
  static let newer = "run the newer moondance; nothing was changed"
}
