import Glibc
import Testing

@testable import Client

struct LineSourceTests {
  private static func pipe() -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    #expect(Glibc.pipe(&ends) == 0)
    return (ends[0], ends[1])
  }

  private static func put(_ text: String, in descriptor: Int32) {
    #expect(write(descriptor, text, text.utf8.count) == text.utf8.count)
  }

  private static func read(_ source: inout LineSource, room: Int = 100) -> (LineSource.Portion, String) {
    var target = [UInt8](repeating: 0, count: room)
    let portion = target.withUnsafeMutableBytes { source.read(into: $0) }
    guard case .bytes(let count) = portion else { return (portion, "") }
    return (portion, String(decoding: target[..<count], as: UTF8.self))
  }

  @Test func `a line that is not whole waits for its end, and the end of the source is one`() {
    let (input, output) = Self.pipe()
    defer { close(input) }
    var source = LineSource(descriptor: input) { false }
    #expect(Self.read(&source).0 == .later)
    Self.put("one\ntw", in: output)
    #expect(Self.read(&source).1 == "one\n")
    #expect(Self.read(&source).0 == .later)
    Self.put("o\nlast", in: output)
    #expect(Self.read(&source).1 == "two\n")
    close(output)
    #expect(Self.read(&source).1 == "last")
    #expect(Self.read(&source).0 == .end)
  }

  @Test func `a source that is stopped ends after the line that is being handed out`() {
    let (input, output) = Self.pipe()
    defer {
      close(input)
      close(output)
    }
    var isStopped = false
    var source = LineSource(descriptor: input) { isStopped }
    Self.put("a line\nhal", in: output)
    #expect(Self.read(&source, room: 3).1 == "a l")
    isStopped = true
    #expect(Self.read(&source).1 == "ine\n")
    #expect(Self.read(&source).0 == .end)
  }

  @Test func `what cannot be read says why`() {
    var source = LineSource(descriptor: open("/", O_RDONLY)) { false }
    #expect(Self.read(&source).0 == .failed(errno: EISDIR))
    close(source.descriptor)
  }
}
