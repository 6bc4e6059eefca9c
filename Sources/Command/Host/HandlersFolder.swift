import ArgumentParser
import Foundation
import Scripts

/// The folder of scripts that a command without a daemon reads.
struct HandlersFolder {
  let reading: FolderReader.Reading
  let scripts: Generation

  /// Everything that keeps it from loading.
  struct Refused: Error {
    let errors: [LoadError]
  }

  init(_ path: String) throws(Refused) {
    reading = try Self.read(FolderReader(folder: path))
    scripts = try Self.loaded(Generation.load(reading.files))
  }

  static func read(_ folder: FolderReader) throws(Refused) -> FolderReader.Reading {
    let reading = folder.read()
    guard reading.errors.isEmpty else { throw Refused(errors: reading.errors) }
    return reading
  }

  static func loaded<Value>(_ result: Result<Value, LoadErrors>) throws(Refused) -> Value {
    try result.mapError { Refused(errors: $0.errors) }.get()
  }
}

extension HandlersFolder.Refused {
  /// Tells them, as text on standard error or as JSON on standard output; what the command ends with.
  func told(asJSON isJSON: Bool = false) -> ExitCode {
    if isJSON {
      FileHandle.standardOutput.write(Data((json + "\n").utf8))
      return ExitCode(1)
    }
    let count = "\(errors.count) error\(errors.count == 1 ? "" : "s")"
    FileHandle.standardError.write(Data((errors.map { "\($0)\n" }.joined() + count + "\n").utf8))
    return ExitCode(1)
  }

  private var json: String {
    let list = errors.map { error in
      ["file": error.file, "line": error.line.map(String.init) ?? "", "what": error.what, "hint": error.hint ?? ""]
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Nothing in it that JSON cannot say.
    let data = try! encoder.encode(["errors": list])
    return String(decoding: data, as: UTF8.self)
  }
}
