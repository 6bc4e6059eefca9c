import Engine
import Events
import Foundation
import LogStorage
import Platform
import Scripts
import Views

/// Changed code: three projections are folded again from the start of the log beside the documents that answer.
struct Rebuilding {
  static let workload: Workload = Workload(
    "rebuild", "fold three changed projections anew beside the old ones, in one pass over the log"
  ) { run in
    var figures: (values: [Double], floors: [Double]) = ([], [])
    for round in 1...run.rounds {
      run.progress("rebuild: round \(round) of \(run.rounds)")
      try run.goOn()
      let (together, apart) = try await folds(run)
      figures.values.append(together)
      figures.floors.append(apart)
    }
    return [
      BenchResult(
        "rebuild", workload.summary, unit: "folds/s", figures, floorWhat: "the same three one after the other",
        budget: .atLeast(100_000))
    ]
  }

  private static let count = 200_000
  private static let names = ["subjects", "spans", "remainders"]

  /// The three ways to a key: the subject, one that a function makes of each event, and a few that everything goes to.
  private static func files(factor: Int) -> [SourceFile] {
    let body = """
      on = { Measured = function(document, event)
        document.count = document.count + 1
        document.sum = document.sum + event.data.n * \(factor)
      end },
      initial = { count = 0, sum = 0 },
      """
    let keys = [
      "\"subject\"", "function(event) return event.data.n // 20 end", "function(event) return event.data.n % 7 end",
    ]
    return zip(names, keys).map { name, key in
      SourceFile(path: "\(name).lua", text: "projection \"\(name)\" {\nkey = \(key),\n\(body)\n}")
    }.sorted { $0.path < $1.path }
  }

  private let host: BenchHost
  private let views: RunningViews

  private init(_ host: BenchHost) async throws {
    self.host = host
    try await host.append(host.batches(Self.count, type: "Measured", recordBytes: 200))
    views = RunningViews(
      settings: ViewSettings(path: host.folder + "/views.db"), log: host.opened.reader, identity: host.opened.identity,
      clock: SystemClock())
    views.start()
    await views.deploy(try Generation.load(Self.files(factor: 1)).get())
    views.durableAdvanced(to: host.engine.durable)
    for name in Self.names {
      try await views.wait(for: name, toRead: Position(UInt64(Self.count)), timeout: .seconds(120))
    }
  }

  /// Folds a second when all three change at once and read the log together, and when one is folded after the other.
  private static func folds(_ run: BenchRun) async throws -> (together: Double, apart: Double) {
    try await BenchHost.with(run) { host in
      let bench = try await Rebuilding(host)
      let changed = try Generation.load(files(factor: 2)).get()
      let together = try await seconds {
        await bench.views.deploy(changed)
        try await bench.settle()
      }
      let apart = try await seconds {
        for name in names {
          try bench.views.rebuild(name)
          // The request is behind what is asked for next, so nothing is seen before it is taken up.
          await bench.views.deploy(changed)
          try await bench.settle()
        }
      }
      await bench.views.stop()
      let folds = Double(count * names.count)
      return (folds / together, folds / apart)
    }
  }

  /// Waits until nothing is folded beside a view.
  private func settle() async throws {
    while let next = try views.list().first(where: { $0.rebuild != nil }) {
      if let failure = next.rebuild?.failure { throw BenchError(failure.error) }
      try await Task.sleep(for: .milliseconds(1))
    }
  }
}
