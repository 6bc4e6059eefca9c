import Glibc
import Testing

/// The log against a plain list, under every fault at once. `MOONDANCE_LOG_SEED=n` runs one seed,
/// `MOONDANCE_LOG_SEEDS=n` the first n.
@Suite struct ModelTests {
  /// Seeds that have failed once run first.
  static let oldFailures: [UInt64] = [377, 418]

  @Test func `whatever happens, the log is what was appended, and has all that was acknowledged`() {
    func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }
    let wanted = number("MOONDANCE_LOG_SEED")
    let last = number("MOONDANCE_LOG_SEEDS") ?? 50
    var counts: [String: Int] = [:]
    for seed in wanted.map({ [$0] }) ?? Self.oldFailures + Array(1...last) {
      let model = LogModel(seed: seed)
      do {
        try model.run(steps: 60)
      } catch {
        Issue.record("seed \(seed) (run it alone with MOONDANCE_LOG_SEED=\(seed)): \(error)")
      }
      counts.merge(model.counts) { $0 + $1 }
    }
    if wanted == nil { #expect(counts.count == 15 && counts.values.allSatisfy { $0 > 10 }, "\(counts)") }
  }
}
