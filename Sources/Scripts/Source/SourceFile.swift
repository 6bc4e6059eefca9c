package import Events

/// One script or module as it was read: the unit that is hashed, loaded and recorded in a deploy.
package struct SourceFile: Sendable, Hashable {
  /// Relative to the handlers folder, parts joined by "/": `orders.lua`, `lib/money.lua`.
  package let path: String
  package let bytes: [UInt8]
  /// SHA-256 of `bytes`.
  package let hash: ContentHash

  package init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
    hash = ContentHash(of: bytes)
  }

  package init(path: String, text: String) { self.init(path: path, bytes: Array(text.utf8)) }

  /// Whether the file is a module: it runs only when a script requires it.
  package var isModule: Bool { path.hasPrefix(Self.moduleFolder + "/") }

  /// The folder of the modules.
  package static let moduleFolder = "lib"
  /// The largest source that is compiled; some sources take quadratic time.
  package static let maximumBytes = 128 * 1024

  /// Whether a file of this name is a script or a module at all. Others are left alone: names that begin with "_" or
  /// "." (put aside, or an editor's), and `*_test.lua`, which `moondance test` runs.
  package static func isLoaded(name: String) -> Bool {
    name.hasSuffix(".lua") && name.utf8.count > 4 && !name.hasPrefix("_") && !name.hasPrefix(".")
      && !name.hasSuffix(testSuffix)
  }

  /// Whether a file of this name holds tests of the scripts beside it.
  package static func isTest(name: String) -> Bool {
    name.hasSuffix(testSuffix) && !name.hasPrefix("_") && !name.hasPrefix(".")
  }

  private static let testSuffix = "_test.lua"
}
