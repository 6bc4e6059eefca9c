import Foundation

/// What workloads run with: how often, how much, and where.
package struct BenchRun: Sendable {
  /// How often each figure is taken.
  package var rounds: Int
  /// Threads that run scripts.
  package var workers: Int
  /// How many events the large log has, and how many subjects these are of.
  package var events: Int
  package var subjects: Int
  /// The program whose daemon is measured.
  package var program: String
  /// Everything a workload makes lies in here; the caller removes it.
  package var folder: String
  /// Whether to stop now.
  package var isInterrupted: @Sendable () -> Bool
  /// Told what goes on at the moment.
  package var progress: @Sendable (String) -> Void
  let largeLog = LargeLog.Shelf()

  package init(
    rounds: Int, workers: Int, events: Int, subjects: Int, program: String, folder: String,
    isInterrupted: @escaping @Sendable () -> Bool, progress: @escaping @Sendable (String) -> Void
  ) {
    (self.rounds, self.workers, self.events, self.subjects) = (rounds, workers, events, subjects)
    (self.program, self.folder, self.isInterrupted, self.progress) = (program, folder, isInterrupted, progress)
  }

  /// Ends a workload that is not wanted any more.
  func goOn() throws { if isInterrupted() { throw BenchInterrupted() } }

  /// A path for a folder that does not exist yet.
  func newFolder() -> String { "\(folder)/\(UInt32.random(in: 0...UInt32.max))" }

  /// Takes each figure and the floor beside it, the floor first, so that both see the same machine.
  func inRounds(
    _ what: String, floor: () async throws -> Double, value: () async throws -> Double
  ) async throws -> (values: [Double], floors: [Double]) {
    var (values, floors): ([Double], [Double]) = ([], [])
    for round in 1...rounds {
      progress("\(what): floor \(round) of \(rounds)")
      try goOn()
      floors.append(try await floor())
      progress("\(what): round \(round) of \(rounds)")
      try goOn()
      values.append(try await value())
    }
    return (values, floors)
  }
}

extension BenchRun {
  /// As `inRounds`, of times so short that the disk changes more between two of them than they differ: each is taken right
  /// beside one of its floor, first the one and then the other, idle before both. A round gives the medians of `pairs`.
  func inPairs(
    _ what: String, pairs: Int, floor: () async throws -> Double, value: () async throws -> Double
  ) async throws -> (values: [Double], floors: [Double]) {
    func idle(_ body: () async throws -> Double) async throws -> Double {
      try await Task.sleep(for: .milliseconds(2))
      return try await body()
    }
    var figures: (values: [Double], floors: [Double]) = ([], [])
    for round in 1...rounds {
      progress("\(what): round \(round) of \(rounds)")
      var (values, floors): ([Double], [Double]) = ([], [])
      for pair in 0..<pairs {
        try goOn()
        if pair % 2 == 0 { floors.append(try await idle(floor)) }
        values.append(try await idle(value))
        if pair % 2 == 1 { floors.append(try await idle(floor)) }
      }
      figures.values.append(BenchResult.median(values))
      figures.floors.append(BenchResult.median(floors))
    }
    return figures
  }
}

/// The run was ended by its caller.
package struct BenchInterrupted: Error {
  package init() {}
}

package struct BenchError: Error, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
