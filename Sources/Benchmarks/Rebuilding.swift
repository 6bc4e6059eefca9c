import Engine
import Events
import Foundation
import LogStorage
import Platform
import Scripts
import Views

/// Changed code: three projections are folded again from the start of the log beside the documents that answer.
struct Rebuilding {
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

  private init(in folder: String, workers: Int) async throws {
    host = try BenchHost(in: folder, workers: workers)
    let batches = stride(from: 0, to: Self.count, by: 1000).map { [host] in
      host.batch(1000, type: "Measured", recordBytes: 200, first: $0)
    }
    try await host.append(batches, inFlight: 32)
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
  static func folds(in folder: String, workers: Int) async throws -> (together: Double, apart: Double) {
    let bench = try await Rebuilding(in: folder, workers: workers)
    let changed = try Generation.load(files(factor: 2)).get()
    let (together, _) = try await seconds {
      await bench.views.deploy(changed)
      try await bench.settle()
    }
    let (apart, _) = try await seconds {
      for name in names {
        try bench.views.rebuild(name)
        // The request is behind what is asked for next, so nothing is seen before it is taken up.
        await bench.views.deploy(changed)
        try await bench.settle()
      }
    }
    await bench.views.stop()
    try await bench.host.stop()
    let folds = Double(count * names.count)
    return (folds / together, folds / apart)
  }

  /// Waits until nothing is folded beside a view.
  private func settle() async throws {
    while let next = try views.list().first(where: { $0.rebuild != nil }) {
      if let failure = next.rebuild?.failure { throw BenchError(failure.error) }
      try await Task.sleep(for: .milliseconds(1))
    }
  }
}
