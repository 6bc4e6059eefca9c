#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A file operation that failed: which, on what, and the system's reason. The cause is never swallowed.
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was attempted; the raw value is what people read.
  package enum Operation: String, Sendable {
    case open
    case read
    case write
    case syncData = "fdatasync"
    case sync = "fsync"
    case truncate = "ftruncate"
    case size = "fstat"
    case close
    case rename
    case remove = "unlink"
    case list = "readdir"
    case makeFolder = "mkdir"
    case syncFolder = "fsync (folder)"
    case lock = "flock"
    case start = "posix_spawn"
  }

  package let operation: Operation
  package let path: String
  /// The system's `errno`.
  package let number: Int32
  /// Where in the file, for reads and writes.
  package let offset: Int?

  package init(_ operation: Operation, _ path: String, errno number: Int32, at offset: Int? = nil) {
    self.operation = operation
    self.path = path
    self.number = number
    self.offset = offset
  }

  /// The system's words for `number`.
  package var text: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      strerror_r(number, buffer.baseAddress!, buffer.count) == 0
        ? String(cString: buffer.baseAddress!) : "unknown error"
    }
  }

  package var description: String {
    let place = offset.map { " at offset \($0)" } ?? ""
    return "\(operation.rawValue) \(path)\(place): \(text) (errno \(number))"
  }

  /// EIO: what is said of a file that does not hold what was written.
  package static let inputOutputError = EIO

  /// The disk, the quota or the largest file size is used up: what failed may succeed later.
  package var isOutOfSpace: Bool { number == ENOSPC || number == EDQUOT || number == EFBIG }
  /// No more file descriptors, in this process or on this machine: may succeed later.
  package var isOutOfDescriptors: Bool { number == EMFILE || number == ENFILE }
  /// Nothing has happened and it may succeed later: room or descriptors were used up. Never true of a sync or a close,
  /// after which nothing is known (docs/faults, L2 and L3).
  package var mayPass: Bool {
    switch operation {
    case .syncData, .sync, .syncFolder, .close: false
    default: isOutOfSpace || isOutOfDescriptors
    }
  }
  /// The file or folder does not exist.
  package var isMissing: Bool { number == ENOENT }
  /// A signal came in between; the caller tries again.
  package var isInterrupted: Bool { number == EINTR }
  /// The folder or file may not be used by this user, or lies on a read-only file system.
  package var isForbidden: Bool { number == EACCES || number == EPERM || number == EROFS }
  /// A file of this name exists already.
  package var isExisting: Bool { number == EEXIST }
}
