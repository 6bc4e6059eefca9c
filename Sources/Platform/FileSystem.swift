/// How a file is opened.
package enum FileAccess: Sendable {
  /// An existing file, for reading.
  case read
  /// An existing file, for reading and writing.
  case readWrite
  /// A file that must not exist yet, for reading and writing.
  case create
  /// An empty file, whatever was there before, for reading and writing.
  case replace
}

/// Files and folders, as much as the log needs of them. Real: `LocalFileSystem`. In tests: a file system in memory
/// that loses, tears and refuses.
///
/// Any thread may call, concurrently. Nothing is durable on return unless the function says so. A path is absolute or
/// relative to the working directory; its parts are joined with "/". Every failure is a `FileError`.
package protocol FileSystem: AnyObject, Sendable {
  func open(_ path: String, _ access: FileAccess) throws(FileError) -> any File

  /// Replaces `target` atomically. Durable after `syncFolder`.
  func rename(_ path: String, to target: String) throws(FileError)

  /// Removes a file. Durable after `syncFolder`.
  func remove(_ path: String) throws(FileError)

  /// The names of the files and folders in `folder`, in no order, without "." and "..".
  func list(_ folder: String) throws(FileError) -> [String]

  /// Makes one folder; returns false when there was one already. Durable after `syncFolder` of its parent.
  @discardableResult
  func makeFolder(_ path: String) throws(FileError) -> Bool

  /// On return every create, rename and remove in `folder` so far is durable. After an error nothing is known:
  /// never call it again, stop (docs/faults, L3).
  func syncFolder(_ folder: String) throws(FileError)

  /// Takes the exclusive lock of `path` without waiting, makes the file when it is missing, and writes the process id
  /// into it. The lock ends with `FileLock.release` or with the process, however that ends.
  func lock(_ path: String) throws(FileError) -> LockOutcome

  /// Who holds the lock of `path`, without taking it or changing anything; nil when nobody does.
  func lockHolder(_ path: String) throws(FileError) -> LockHolder?
}

/// What `FileSystem.lock` found.
package enum LockOutcome: Sendable {
  case locked(any FileLock)
  case held(LockHolder)
}

/// Who holds a lock.
package struct LockHolder: Sendable, Equatable {
  /// The process id that the lock file names, when it names one.
  package let process: Int32?

  package init(process: Int32?) { self.process = process }
}

/// A lock that is held. Any thread may release it, once.
package protocol FileLock: AnyObject, Sendable {
  func release()
}

/// An open file. Reads and writes carry their offset, so any number of threads may read while one writes; the caller
/// sees to it that two threads never write the same range, and that nobody uses a file after `close`.
/// A file that is let go of without `close` closes itself and ignores errors, which is right for reading only.
package protocol File: AnyObject, Sendable {
  /// The path it was opened with.
  var path: String { get }

  /// One `pread`: up to `buffer.count` bytes, 0 at the end of the file. May be interrupted (EINTR).
  func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int

  /// One `pwrite`: how many bytes went in, which may be fewer than given. May be interrupted (EINTR).
  func writeSome(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) -> Int

  /// On return all bytes written so far, and the size that is needed to read them, are durable (`fdatasync`).
  /// After an error nothing is known about any of them, and a later success proves nothing: never call it again,
  /// never write again, stop (docs/faults, L3).
  func syncData() throws(FileError)

  /// As `syncData`, and all that is known about the file too (`fsync`). The same rule for errors.
  func sync() throws(FileError)

  /// Cuts or extends (with zeros) to `size` bytes. Durable after a sync.
  func truncate(to size: Int) throws(FileError)

  /// The size now, in bytes.
  func size() throws(FileError) -> Int

  /// Ends the use of the file. An error means what an error of `syncData` means.
  func close() throws(FileError)
}

extension File {
  /// Reads until `buffer` is full or the file ends; returns how many bytes were read.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      do throws(FileError) {
        let count = try readSome(into: rest, at: offset + done)
        if count == 0 { break }
        done += count
      } catch {
        if !error.isInterrupted { throw error }
      }
    }
    return done
  }

  /// Writes all of `bytes`, however many calls it takes. After an error any part of them may be in the file.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      do throws(FileError) {
        done += try writeSome(rest, at: offset + done)
      } catch {
        if !error.isInterrupted { throw error }
      }
    }
  }
}
