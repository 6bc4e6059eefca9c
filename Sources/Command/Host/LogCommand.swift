import ArgumentParser
import Events
import Foundation
import LogStorage
import Platform

/// `moondance log`: reads a data folder without a daemon and changes nothing in it.
struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log",
    abstract: "Check, measure or export the log in a data folder, without a daemon.",
    subcommands: [Verify.self, Stat.self, Export.self])
}

/// The folder argument that the subcommands share.
struct DataFolder: ParsableArguments {
  @Argument(help: "The data folder.")
  var data = "data"

  @Flag(help: "Print JSON.")
  var json = false
}

/// A line on the terminal that shows how far something is: after two seconds, and only when somebody looks.
struct ProgressLine {
  private let began = ContinuousClock.now
  private let isShown = isatty(2) != 0
  private var last = 0

  mutating func show(_ what: String, _ done: Int, of all: Int) {
    let percent = all > 0 ? done * 100 / all : 100
    guard isShown, percent != last, ContinuousClock.now - began > .seconds(2) else { return }
    last = percent
    FileHandle.standardError.write(Data("\r\(what): \(percent) %".utf8))
  }

  func end() {
    if isShown && last > 0 { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
  }
}

extension LogCommand {
  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Read every commit and check it, its links and the indexes.",
      discussion: """
        Prints every damage with file, offset and commit, and exits with 1 when there is any.

        EXAMPLES
          moondance log verify
          moondance log verify /var/lib/shop --json
        """)

    @OptionGroup var folder: DataFolder

    func run() throws {
      var line = ProgressLine()
      let result = try readingLog {
        try LogVerifier.verify(folder: folder.data, fileSystem: LocalFileSystem()) { progress in
          line.show("verifying", progress.bytes, of: progress.totalBytes)
        }
      }
      line.end()
      if folder.json {
        try printJSON(Report(result))
      } else {
        for note in result.notes { print("note: \(note)") }
        for problem in result.problems { print("damaged: \(problem)") }
        let counts =
          "\(result.segments) segment\(result.segments == 1 ? "" : "s"), \(result.bytes) bytes, \(result.commits) commits, "
          + "\(result.entries) entries, last position \(result.lastPosition)"
        print(result.isGood ? "good: \(counts)" : "\(result.problems.count) problems in \(counts)")
      }
      if !result.isGood { throw ExitCode(1) }
    }

    private struct Report: Encodable {
      struct Problem: Encodable {
        var code: String
        var file: String
        var offset: Int?
        var commit: UInt64?
        var message: String
      }
      var good: Bool
      var segments: Int
      var bytes: Int
      var commits: UInt64
      var entries: UInt64
      var lastCommit: UInt64
      var lastPosition: UInt64
      var problems: [Problem]
      var notes: [String]

      init(_ result: LogVerification) {
        good = result.isGood
        (segments, bytes, commits, entries) = (result.segments, result.bytes, result.commits, result.entries)
        (lastCommit, lastPosition, notes) = (result.lastCommit, result.lastPosition.rawValue, result.notes)
        problems = result.problems.map {
          Problem(code: $0.code.rawValue, file: $0.file, offset: $0.offset, commit: $0.commit, message: $0.message)
        }
      }
    }
  }

  struct Stat: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what the log holds: segments, bytes, records by kind, time span.")

    @OptionGroup var folder: DataFolder

    func run() throws {
      let stat = try readingLog { try LogStat.read(folder: folder.data, fileSystem: LocalFileSystem()) }
      let records = stat.records.sorted { $0.key < $1.key }.map { kind, count in
        (RecordKind(rawValue: kind).map { "\($0)" } ?? "kind \(kind)", count)
      }
      if folder.json {
        try printJSON(
          Report(
            id: stat.identity.id.description, name: stat.identity.name, clock: "\(stat.identity.clockMode)",
            segments: stat.segments.count, bytes: stat.bytes, commits: stat.commits, entries: stat.entries,
            lastPosition: stat.lastPosition.rawValue, epoch: stat.lastEpoch,
            firstTime: stat.firstTime.map(Timestamp.text), lastTime: stat.lastTime.map(Timestamp.text),
            records: Dictionary(uniqueKeysWithValues: records)))
        return
      }
      for warning in stat.warnings { print("warning: \(warning)") }
      print(
        """
        log        \(stat.identity.id)
        source     \(stat.identity.name)
        clock      \(stat.identity.clockMode)
        segments   \(stat.segments.count)
        bytes      \(stat.bytes)
        commits    \(stat.commits)
        positions  \(stat.lastPosition)
        opened     \(stat.lastEpoch) times
        """)
      if let first = stat.firstTime, let last = stat.lastTime {
        print("from       \(Timestamp.text(first))\nto         \(Timestamp.text(last))")
      }
      for (kind, count) in records { print("  \(kind.padding(toLength: 10, withPad: " ", startingAt: 0)) \(count)") }
    }

    private struct Report: Encodable {
      var id: String
      var name: String
      var clock: String
      var segments: Int
      var bytes: Int
      var commits: UInt64
      var entries: UInt64
      var lastPosition: UInt64
      var epoch: UInt32
      var firstTime: String?
      var lastTime: String?
      var records: [String: UInt64]
    }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print every event as a CloudEvent, one a line.",
      discussion: """
        The output can be appended to another log with "moondance emit --file". Damaged parts are left out, told on \
        standard error, and make the exit code 1.

        EXAMPLES
          moondance log export > events.ndjson
          moondance log export old-data | moondance emit --file -
        """)

    @OptionGroup var folder: DataFolder

    func run() throws {
      let name = try readingLog { try LogStat.identity(folder: folder.data, fileSystem: LocalFileSystem()).name }
      let encoder = CloudEventEncoder(logName: name)
      var writer = ByteWriter(capacity: 1 << 20)
      let result = try readingLog {
        try LogVerifier.verify(folder: folder.data, fileSystem: LocalFileSystem()) { _ in
        } commit: { header in
          var position = header.firstPosition
          for record in header.records where record.takesPosition {
            if record.kind == .event {
              encoder.encode(record.entry, position: position, committed: header.time, into: &writer)
              writer.append(UInt8(ascii: "\n"))
            }
            position = position.next
          }
          if writer.count > 1 << 19 { try flush(&writer) }
        }
      }
      try flush(&writer)
      for problem in result.problems { FileHandle.standardError.write(Data("damaged: \(problem)\n".utf8)) }
      if !result.isGood { throw ExitCode(1) }
    }

    private func flush(_ writer: inout ByteWriter) throws {
      try FileHandle.standardOutput.write(contentsOf: Data(writer.bytes))
      writer.truncate(to: 0)
    }
  }
}

/// Runs `body`; what is wrong with the log becomes one line and the exit code 1.
func readingLog<Result>(_ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as LogError {
    FileHandle.standardError.write(Data("moondance: \(error.message)\n".utf8))
    throw ExitCode(1)
  }
}

private func printJSON(_ value: some Encodable) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
