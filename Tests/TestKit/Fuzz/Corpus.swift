internal import Foundation

/// Inputs that a fuzz target begins with: the files of `Tests/Corpus/NAME`, valid ones and those that once did harm.
package enum Corpus {
  /// In the order of their names.
  package static func files(_ name: String) throws -> [(name: String, bytes: [UInt8])] {
    let folder = tests.appendingPathComponent("Corpus/\(name)")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }
    return try names.sorted().map { ($0, Array(try Data(contentsOf: folder.appendingPathComponent($0)))) }
  }

  /// The lines of all files of a folder: for inputs of one line.
  package static func lines(_ name: String) throws -> [[UInt8]] {
    try files(name).flatMap { $0.bytes.split(separator: UInt8(ascii: "\n")).map(Array.init) }
  }

  private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}
