import Events
import Foundation
import Scripts

extension CountedWork {
  static let fold = CountedWork(
    name: "fold", summary: "a projection's call: decode the document, run Lua, encode what came of it", units: 20_000
  ) { _ in
    let hash = StableHash(seed: 1)
    let batch = BenchEvents(hash: hash, type: "Measured", recordBytes: 200).batch(1000, first: 0)
    let scripts = try Generation.load([SourceFile(path: "bench.lua", text: Projecting.source)]).get()
    let worker = try scripts.makeWorker(hash: hash, logName: "bench", logID: (1, 2))
    var written = ByteWriter(capacity: 4096)
    return {
      for index in 0..<20_000 {
        let entry = batch.entry(index % batch.count)
        written.truncate(to: 0)
        let outcome = worker.fold(
          projection: 0, handler: 0, event: entry, position: Position(UInt64(index) + 1), recorded: 0,
          key: entry.subject, document: nil, into: &written)
        guard case .document = outcome else { throw BenchError("the fold of the benchmark ended with \(outcome)") }
      }
    }
  }

  static let decode = CountedWork(
    name: "decode", summary: "one CloudEvent a request, structured, with id, source and time", units: 20_000
  ) { _ in
    let texts = (0..<1000).map { CloudEventText.event($0, hasTime: true) }
    return {
      let decoder = CloudEventDecoder()
      for index in 0..<20_000 {
        let batch = EntryBatch(hash: StableHash(seed: 1), capacity: 512)
        try texts[index % texts.count].withUnsafeBytes { try decoder.decode($0, into: batch) }
      }
    }
  }

  static let stream = CountedWork(
    name: "stream", summary: "lines of an NDJSON stream of CloudEvents, with id and source", units: 20_000
  ) { _ in
    let texts = (0..<1000).map { CloudEventText.event($0) }
    return {
      let decoder = CloudEventDecoder()
      for _ in 0..<20 {
        let batch = EntryBatch(hash: StableHash(seed: 1), capacity: 16 << 10)
        for text in texts { try text.withUnsafeBytes { try decoder.decode($0, into: batch) } }
      }
    }
  }

  static let encode = CountedWork(
    name: "encode", summary: "entries of the log as CloudEvents, for whoever reads them by HTTP", units: 20_000
  ) { _ in
    let hash = StableHash(seed: 1)
    let batch = BenchEvents(hash: hash, type: "Measured", recordBytes: 200, hasIdentity: true).batch(1000, first: 0)
    let encoder = CloudEventEncoder(logName: "moondance:bench")
    return {
      for _ in 0..<20 {
        var writer = ByteWriter(capacity: 1 << 19)
        for index in 0..<batch.count {
          encoder.encode(
            batch.entry(index), position: Position(UInt64(index) + 1), committed: 1_720_000_000_000_000, into: &writer)
        }
      }
    }
  }
}
