package import Events
internal import Platform

/// The position and commit up to which a snapshot has folded the log.
package struct SnapshotPoint: Sendable, Equatable {
  package var commit: UInt64
  package var position: Position

  package init(commit: UInt64, position: Position) {
    self.commit = commit
    self.position = position
  }
}

/// Snapshots of the control state: opaque bytes, kept by rule L5, found by rule O6. One thread at a time.
package final class SnapshotStore: Sendable {
  let folder: LogFolder
  let fileSystem: any FileSystem
  let identity: LogIdentity

  init(folder: LogFolder, fileSystem: any FileSystem, identity: LogIdentity) {
    self.folder = folder
    self.fileSystem = fileSystem
    self.identity = identity
  }
}
