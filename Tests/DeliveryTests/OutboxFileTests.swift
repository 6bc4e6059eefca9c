import Delivery
import Engine
import Foundation
import Platform
import Scripts
import TestKit
import Testing

@Suite struct OutboxFileTests {
  private func lines(_ dispatch: Dispatch, _ name: String = "out.ndjson") throws -> [String] {
    let text = try String(contentsOfFile: "\(dispatch.folder.path)/outbox/\(name)", encoding: .utf8)
    #expect(text.isEmpty || text.hasSuffix("\n"))
    return text.split(separator: "\n").map(String.init)
  }

  @Test func `a message is one line`() async throws {
    let dispatch = Dispatch()
    defer { dispatch.stop() }
    var attributes = Dispatch.Attributes()
    attributes.headers = #"{"x":"1"}"#
    #expect(
      await dispatch.deliver(.file("out.ndjson"), key: "k\"", body: "{\n \"a\": [1,\r\n2]}", attributes).isDelivered)
    #expect(await dispatch.deliver(.file("out.ndjson", body: .cloudEvent), body: "").isDelivered)
    let lines = try lines(dispatch)
    #expect(lines.count == 2)
    #expect(
      lines[0]
        == #"{"id":"\#(Dispatch.idPrefix)1","destination":"warehouse","position":1,"key":"k\"","type":"OrderPlaced","#
        + #""time":"2026-07-01T09:30:00.000000Z","headers":{"x":"1"},"body":{  "a": [1,  2]}}"#)
    #expect(lines[1].contains(#""body":{"specversion":"1.0","#))
  }

  @Test func `messages of many keys share writes and all arrive, each key in its order`() async throws {
    let dispatch = Dispatch()
    defer { dispatch.stop() }
    await withTaskGroup(of: Void.self) { group in
      for key in 0..<20 {
        group.addTask {
          for number in 0..<20 {
            #expect(await dispatch.deliver(.file("out.ndjson"), key: "k\(key)", body: "\(number)").isDelivered)
          }
        }
      }
    }
    let lines = try lines(dispatch)
    #expect(lines.count == 400)
    for key in 0..<20 {
      let numbers = lines.filter { $0.contains("\"key\":\"k\(key)\"") }.map { $0.split(separator: "\"body\":")[1] }
      #expect(numbers == (0..<20).map { "\($0)}" })
    }
  }

  @Test func `a torn last line goes, one without its line feed is completed, and a moved file is begun anew`()
    async throws
  {
    let dispatch = Dispatch()
    defer { dispatch.stop() }
    let path = "\(dispatch.folder.path)/outbox/out.ndjson"
    let first = dispatch.attempt(.file("out.ndjson"))
    #expect(await dispatch.deliver(first).isDelivered)
    let line = try lines(dispatch)[0]
    for cut in [1, 10, line.utf8.count - 1] {
      try (line + "\n" + line.prefix(cut)).write(toFile: path, atomically: true, encoding: .utf8)
      #expect(await dispatch.deliver(first).isDelivered)
      #expect(try lines(dispatch) == [line, line])
    }
    try String(line.prefix(30)).write(toFile: path, atomically: true, encoding: .utf8)
    #expect(await dispatch.deliver(first).isDelivered)
    #expect(try lines(dispatch) == [line])
    try line.write(toFile: path, atomically: true, encoding: .utf8)
    #expect(await dispatch.deliver(first).isDelivered)
    #expect(try lines(dispatch) == [line, line])
    let long = #"{"x":""# + String(repeating: "y", count: 200_000)
    try (line + "\n" + long).write(toFile: path, atomically: true, encoding: .utf8)
    #expect(await dispatch.deliver(first).isDelivered)
    #expect(try lines(dispatch) == [line, line])
    try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
    #expect(await dispatch.deliver(first).isDelivered)
    #expect(try lines(dispatch) == [line])
    #expect(try lines(dispatch, "out.ndjson.1") == [line, line])
  }

  @Test func `a name that is a path is impossible, and so is a request`() async throws {
    let dispatch = Dispatch()
    defer { dispatch.stop() }
    for name in ["../x", "a/b", "", ".hidden", ".."] {
      #expect(await dispatch.deliver(.file(name)).failure?.kind == .impossible)
    }
    var attributes = Dispatch.Attributes()
    attributes.request = "{}"
    #expect(await dispatch.deliver(.file("x"), attributes).failure?.kind == .impossible)
  }

  @Test func `a disk that is full or broken keeps whole lines only, and the message comes again`() async throws {
    for errno in [ENOSPC, EIO] {
      for operation in [FileError.Operation.write, .syncData, .open, .close] {
        let files = MemoryFileSystem()
        let dispatch = Dispatch(files: files)
        defer { dispatch.stop() }
        #expect(await dispatch.deliver(.file("out"), body: "1").isDelivered)
        files.inject { call in call.operation == operation ? .failAfter(bytes: 7, errno) : nil }
        let outcome = await dispatch.deliver(.file("out"), body: "2")
        #expect(outcome.failure?.kind == .unavailable && outcome.text.contains("outbox/out cannot be written"))
        files.inject(nil)
        #expect(await dispatch.deliver(.file("out"), body: "3").isDelivered)
        let text = String(decoding: try #require(files.contents("outbox/out")), as: UTF8.self)
        let bodies = text.split(separator: "\n").map { $0.split(separator: "\"body\":").last ?? "" }
        #expect(bodies == ["1}", "3}"] || bodies == ["1}", "2}", "3}"])
        #expect(text.hasSuffix("\n"))
      }
    }
  }
}
