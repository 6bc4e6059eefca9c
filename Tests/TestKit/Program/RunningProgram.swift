internal import Foundation
internal import Platform
internal import Synchronization

/// A program beside the test. Whatever waits for it gives up after a while, ends it and says what its threads do, so that
/// a program that is stuck fails its test and not the whole run.
package final class RunningProgram: Sendable {
  /// What it reads.
  package enum Input {
    case nothing
    /// These, and then the end.
    case bytes([UInt8])
    /// What `write` gives it, until `closeInput`.
    case written
    /// A descriptor, which stays open here.
    case descriptor(Int32)
  }

  private let path: String
  private let child: ChildProcess
  private let out = Collector()
  private let err = Collector()
  private let input = Mutex<FileHandle?>(nil)

  /// - environment: in addition to the test's own. - outputFile: where its output goes, if it is not kept here.
  /// - Throws: `Program.Failed` when there is no such program.
  package init(
    _ path: String, _ arguments: [String] = [], environment: [String: String] = [:], input: Input = .nothing,
    outputFile: String? = nil
  ) throws {
    self.path = path
    // Who writes to a program that has ended gets an error.
    signal(SIGPIPE, SIG_IGN)
    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
    let file = try outputFile.map { try FileHandle(forWritingTo: URL(filePath: $0)) }
    let pipe = Pipe()
    let source: Int32? =
      switch input {
      case .nothing: nil
      case .bytes, .written: pipe.fileHandleForReading.fileDescriptor
      case .descriptor(let descriptor): descriptor
      }
    do {
      child = try ChildProcess(
        path, arguments, environment: variables, input: source, output: file?.fileDescriptor ?? out.descriptor,
        errors: err.descriptor)
    } catch {
      out.begin()
      err.begin()
      throw Program.Failed(description: "\(error)")
    }
    out.begin()
    err.begin()
    switch input {
    case .bytes(let bytes):
      let writing = pipe.fileHandleForWriting
      _ = NamedThread.start(name: "input") {
        try? writing.write(contentsOf: Data(bytes))
        try? writing.close()
      }
    case .written: self.input.withLock { $0 = pipe.fileHandleForWriting }
    case .nothing, .descriptor: break
    }
  }

  package var identifier: Int32 { child.identifier }
  package var isRunning: Bool { child.isRunning }
  /// What it has printed so far, to its output and as errors.
  package var outputSoFar: String { out.soFar }
  package var errorsSoFar: String { err.soFar }

  package func send(_ signal: Int32) { child.send(signal) }

  package func write(_ text: String) throws {
    try input.withLock { try $0?.write(contentsOf: Data(text.utf8)) }
  }

  package func closeInput() {
    input.withLock { handle in
      try? handle?.close()
      handle = nil
    }
  }

  /// Waits for its end.
  /// - Returns: its exit code, or the number of the signal that ended it.
  /// - Throws: `Program.Failed` when it does not end within `seconds`; it is killed then.
  @discardableResult
  package func wait(atMost seconds: Double = Program.patience) throws -> Int32 {
    if let code = child.wait(atMost: seconds) { return code }
    let threads = Self.threads(of: identifier)
    child.send(SIGKILL)
    _ = child.wait(atMost: seconds)
    throw Program.Failed(
      description: """
        \(path) had not ended after \(seconds) s; its threads:
        \(threads)
        it printed: \(out.soFar.suffix(2000))\(err.soFar.suffix(2000))
        """)
  }

  /// Waits for its end and gives all that it printed.
  package func finish(atMost seconds: Double = Program.patience) throws -> Program.Output {
    Program.Output(code: try wait(atMost: seconds), out: out.finish(), err: err.finish())
  }

  /// The name of each thread and where in the kernel it waits.
  private static func threads(of process: Int32) -> String {
    let folder = "/proc/\(process)/task"
    func text(_ thread: String, _ file: String) -> String {
      ((try? String(contentsOfFile: "\(folder)/\(thread)/\(file)", encoding: .utf8)) ?? "?")
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }
    let all = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return all.sorted().map { "  \($0) \(text($0, "comm")): \(text($0, "wchan")), call \(text($0, "syscall"))" }
      .joined(separator: "\n")
  }
}
