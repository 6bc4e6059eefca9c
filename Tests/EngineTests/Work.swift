import Events
import Scripts

@testable import Engine

/// Batches that no engine has made, for tests of the workers.
enum Work {
  private static let generation = RunningGeneration(
    number: 1,
    scripts: try! Generation.load([
      SourceFile(path: "work.lua", text: #"consumer "work" { on = { Work = function(event) end } }"#)
    ]).get())

  /// A batch of reader `reader` whose shards have one unit each, at the positions.
  static func batch(_ positions: UInt64..., reader: UInt32 = 1, number: UInt64 = 1) -> Batch {
    let batch = Batch(reader: reader, number: number, generation: generation, consumer: 0, now: 0, from: 0)
    for position in positions {
      batch.units.append(
        Unit(
          position: position, entry: nil, recorded: 0, keyHash: position, key: .subject, handler: 0, isRetry: false))
    }
    batch.shards = positions.indices.map { Shard(units: [$0], hash: hash) }
    return batch
  }

  private static let hash = StableHash(seed: 1)
}
