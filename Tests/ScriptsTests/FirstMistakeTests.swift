import Testing

@testable import Scripts

@Suite("First mistakes")
struct FirstMistakeTests {
  @Test("each is told what to write instead", arguments: FirstMistake.all)
  func says(_ mistake: FirstMistake) throws {
    let files = mistake.files + [("script.lua", mistake.source)]
    let loaded = Generation.load(files.map { SourceFile(path: $0.0, text: $0.1) }.sorted { $0.path < $1.path })
    switch loaded {
    case .success(let generation):
      #expect(mistake.isWarning)
      #expect(generation.warnings.contains(mistake.says), "\(generation.warnings)")
    case .failure(let failure):
      #expect(!mistake.isWarning)
      #expect(failure.errors.map(\.description) == [mistake.says])
    }
  }
}
