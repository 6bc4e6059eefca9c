internal import Events
internal import Platform

extension SnapshotStore {
  /// Commits that snapshots know to be durable.
  static func claims(
    in folder: LogFolder, _ fileSystem: any FileSystem, identity: LogIdentity, warnings: inout [String]
  ) throws(LogError) -> [(commit: UInt64, who: String)] { [] }
}
