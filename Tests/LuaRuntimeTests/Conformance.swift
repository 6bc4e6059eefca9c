import Foundation
import LuaRuntime
import Testing

/// Scripts that assert what the language and the library do in the sandbox.
@Suite struct Conformance {
  private static let files: [String] = {
    let folder = Bundle.module.bundleURL.appendingPathComponent("Resources/conformance")
    return try! FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".lua") }.sorted()
  }()

  @Test(arguments: files)
  func `a script of assertions holds`(file: String) throws {
    let url = Bundle.module.bundleURL.appendingPathComponent("Resources/conformance/\(file)")
    var limits = LuaLimits()
    limits.nanoseconds = 60_000_000_000
    let state = try LuaState(limits: limits)
    try state.sealWords()
    let ending = try state.run(String(contentsOf: url, encoding: .utf8), name: file)
    #expect(ending == .returned([]), "\(ending)")
    #expect(state.height == 0)
  }

  @Test func `all files are found`() {
    #expect(Self.files.count == 9, "\(Self.files)")
  }
}
