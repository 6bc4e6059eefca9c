// Files in memory, a clock moved by hand, seeds.
@_exported public import VirtualPlatform

extension Seed {
  /// A new one, printed: what has failed can be run again with it.
  package static func printed() -> Seed {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    return Seed(seed)
  }
}
