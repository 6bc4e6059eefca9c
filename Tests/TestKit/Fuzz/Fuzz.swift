internal import Foundation
internal import Platform

/// Runs a test body on a corpus and on what a `Mutator` makes of it.
///
/// `make test` gives each target one fixed seed and a number of rounds, so it is the same run every time; `make fuzz`
/// sets MOONDANCE_FUZZ_SECONDS and gives each target new seeds for that long. MOONDANCE_FUZZ_SEED repeats a seed.
///
/// The input at work is kept in a file, which stays when the body throws or the process dies. To keep it for good, put it
/// into the corpus.
package struct Fuzz {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// What is wrong with an outcome.
  package struct Wrong: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
  }

  private let name: String
  private let corpus: [[UInt8]]
  private let words: [[UInt8]]
  private let rounds: Int
  private let prepare: (inout Mutator, inout [UInt8]) -> Void
  private let body: ([UInt8], inout Seed) throws -> Void
  private let input: InputFile

  /// - rounds: of a seed. - words: what the mutator also inserts. - prepare: the last changes to an input, such as
  ///   checksums that fit again. - body: throws when something is wrong; gets a seed for choices of its own.
  package static func run(
    _ name: String, corpus: [[UInt8]], words: [String] = [], rounds: Int,
    prepare: @escaping (inout Mutator, inout [UInt8]) -> Void = { _, _ in },
    body: @escaping ([UInt8], inout Seed) throws -> Void
  ) throws {
    precondition(!corpus.isEmpty, "a fuzz target has a corpus")
    let fuzz = Fuzz(
      name: name, corpus: corpus, words: words.map { Array($0.utf8) }, rounds: rounds, prepare: prepare, body: body,
      input: try InputFile(name))
    try fuzz.run()
    fuzz.input.remove()
  }

  private func run() throws {
    let environment = ProcessInfo.processInfo.environment
    let given = environment["MOONDANCE_FUZZ_SEED"].flatMap { UInt64($0) }
    let clock = ContinuousClock()
    let end = environment["MOONDANCE_FUZZ_SECONDS"].flatMap { Int($0) }.map { clock.now + .seconds($0) }
    print("fuzz \(name): \(corpus.count) inputs of the corpus, the one at work in \(input.path)")
    for (number, bytes) in corpus.enumerated() {
      var seed = Seed(UInt64(number))
      try attempt(bytes, "input \(number) of the corpus") { try body(bytes, &seed) }
    }
    var seed = given ?? (end == nil ? 1 : UInt64.random(in: .min ... .max))
    var seeds = 0
    repeat {
      print("fuzz \(name): seed \(seed), \(rounds) rounds")
      try run(seed: seed, until: seeds == 0 ? nil : end)
      seed = given ?? UInt64.random(in: .min ... .max)
      seeds += 1
    } while end.map { clock.now < $0 } ?? false
  }

  private func run(seed: UInt64, until end: ContinuousClock.Instant?) throws {
    var mutator = Mutator(seed: seed, corpus: corpus, words: words)
    for round in 0..<rounds {
      if let end, ContinuousClock.now >= end { return }
      var bytes = mutator.next()
      prepare(&mutator, &bytes)
      try attempt(bytes, "seed \(seed), round \(round)") { try body(bytes, &mutator.seed) }
    }
  }

  private func attempt(_ bytes: [UInt8], _ place: String, _ body: () throws -> Void) throws {
    try input.keep(bytes)
    let start = ContinuousClock.now
    let reason: String
    do {
      try body()
      let took = ContinuousClock.now - start
      if took < Slowness.stretch(.seconds(5)) { return }
      reason = "it took \(took)"
    } catch {
      reason = "\(error)"
    }
    throw Failure(description: "fuzz \(name), \(place), \(bytes.count) bytes in \(input.path): \(reason)")
  }
}

/// The file that holds the input at work.
private final class InputFile {
  let path: String
  private let descriptor: Int32

  init(_ name: String) throws {
    path = "\(NSTemporaryDirectory())/moondance-fuzz-\(name)-\(getpid())".replacingOccurrences(of: "//", with: "/")
    descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    if descriptor < 0 { throw Fuzz.Wrong("\(path) cannot be made: errno \(errno)") }
  }

  deinit { close(descriptor) }

  func keep(_ bytes: [UInt8]) throws {
    guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, ftruncate(descriptor, bytes.count) == 0 else {
      throw Fuzz.Wrong("\(path) cannot be written: errno \(errno)")
    }
  }

  func remove() { unlink(path) }
}
