import Foundation
import TestKit

extension TemporaryFolder {
  /// Writes files below a folder of this one and returns that folder's path.
  func write(_ files: [String: String], below name: String) throws -> String {
    let folder = path + "/" + name
    for (file, text) in files {
      let target = URL(filePath: folder + "/" + file)
      try FileManager.default.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: target, atomically: false, encoding: .utf8)
    }
    return folder
  }
}
