import Foundation
import TestKit
import Testing

/// What people type, also wrongly.
@Suite("The command line")
struct CommandAcceptance {
  private static let handlers = [
    "forward.lua": #"consumer "forward" { on = { Ping = function(event) emit("Pong", { n = event.data.n }) end } }"#
  ]

  @Test func `emit, history, tail, status and reload say what happened`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    #expect(try daemon.run("emit", "Ping", "--subject", "s-1", "--data", #"{"n": 1}"#).out == "1\n")
    try await daemon.settle()
    let history = try daemon.run("history", "s-1")
    #expect(history.out.split(separator: "\n").count == 2)
    #expect(history.out.contains("Pong"))
    let tail = try daemon.run("tail", "--type", "Po*", "--json")
    let event = try #require(try JSONSerialization.jsonObject(with: Data(tail.out.utf8)) as? [String: Any])
    #expect(event.position == 2)
    #expect(event.cause == 1)
    #expect(try daemon.run("status").out.contains("forward"))
    #expect(try daemon.run("reload").out.contains("generation 1"))
    #expect(try daemon.run("emit", "Ping", "--subject", "s-1", "--id", "x", "--source", "/t").code == 0)
    #expect(try daemon.run("emit", "Ping", "--subject", "s-1", "--id", "x", "--source", "/t").err.contains("duplicate"))
    let conflict = try daemon.run("emit", "Ping", "--subject", "s-2", "--id", "x", "--source", "/t")
    #expect(conflict.code == 1)
    #expect(conflict.err.contains("same source and id"))
    daemon.stop()
  }

  @Test func `an event with --expect is appended while its subject has not moved on, once of many that want it`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    #expect(try daemon.run("emit", "A", "--subject", "s", "--expect", "0").out == "1\n")
    let late = try daemon.run("emit", "A", "--subject", "s", "--expect", "0")
    #expect(late.code == 1 && late.err.contains("1"), "\(late)")
    #expect(try daemon.run("emit", "A", "--subject", "other").out == "2\n")
    #expect(try daemon.run("emit", "A", "--subject", "s", "--expect", "1").out == "3\n")
    let codes = try await withThrowingTaskGroup(of: Int32.self) { group in
      for _ in 0..<8 { group.addTask { try daemon.run("emit", "A", "--subject", "s", "--expect", "3").code } }
      return try await group.reduce(into: [Int32]()) { $0.append($1) }
    }
    #expect(codes.sorted() == [0, 1, 1, 1, 1, 1, 1, 1])
    #expect(try await daemon.allEvents().filter { $0.text("subject") == "s" }.count == 3)
    #expect(daemon.stop() == 0)
  }

  @Test(.timeLimit(.minutes(1)))
  func `tail --follow prints what comes and ends when it was told how much`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    async let followed = Task.detached { try daemon.run("tail", "--from", "1", "--follow", "--limit", "4", "--json") }
      .value
    for number in 0..<2 { _ = try daemon.run("emit", "Ping", "--subject", "s-\(number)", "--data", #"{"n":1}"#) }
    let output = try await followed
    #expect(output.code == 0)
    #expect(output.out.split(separator: "\n").count == 4)
    daemon.stop()
  }

  @Test func `a port that is taken is told, and the log is closed in good order`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let first = try DaemonProcess(handlers: handlers, data: folder.path + "/one")
    let second = try Binary.run([
      "run", handlers, "--data", folder.path + "/two", "--listen", "127.0.0.1:\(first.port)",
    ])
    #expect(second.code == 1)
    #expect(second.err.contains("cannot listen on 127.0.0.1:\(first.port)"))
    #expect(try Binary.run(["log", "verify", folder.path + "/two"]).code == 0)
    first.stop()
  }

  @Test func `a stream names the line that is wrong and the last position that is in`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    let good = #"{"specversion":"1.0","type":"Quiet","subject":"s"}"# + "\n"
    let output = try daemon.run("emit", "--file", "-", input: Data((good + good + "{\"specversion\":\n" + good).utf8))
    #expect(output.code == 1)
    #expect(output.err.contains("Line 3"))
    #expect(output.err.contains("to position 2"))
    daemon.stop()
  }

  private static let wrongWords: [([String], Int32)] = [
    (["emit"], 64), (["emit", "Ping"], 64), (["emit", "Ping", "--subject", "s", "--data", "{'a':1}"], 64),
    (["status", "--server", "nowhere"], 3), (["nonsense"], 64),
    (["status", "--server", "http://127.0.0.1:1"], 3), (["emit", "--file", "/nowhere/at/all"], 1),
    (["run", "--listen", "8070"], 64), (["run", "--listen", "0.0.0.0:0"], 1), (["check", "/nowhere/at/all"], 1),
    (["log", "verify", "/nowhere/at/all"], 1), (["bench", "W99"], 64), (["--version"], 0), (["help", "run"], 0),
  ]

  @Test(arguments: wrongWords)
  func `wrong words end with the exit code that says so`(arguments: [String], code: Int32) throws {
    let output = try Binary.run(arguments)
    #expect(output.code == code, "\(arguments): \(output.out)\(output.err)")
    if code != 0 { #expect(!output.err.isEmpty) }
    #expect(!output.err.contains("Fatal error"))
  }

  @Test func `a log that lost acknowledged bytes is refused, and verify names file and offset`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let data = folder.path + "/data"
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    for number in 0..<20 { _ = try daemon.run("emit", "Ping", "--subject", "s-\(number)") }
    try await daemon.settle()
    daemon.stop()
    let segment = URL(filePath: data + "/log/00000000000000000001.seg")
    var bytes = try Data(contentsOf: segment)
    bytes[700] ^= 0x20
    try bytes.write(to: segment)
    let verified = try Binary.run(["log", "verify", data])
    #expect(verified.code == 1)
    #expect(verified.out.contains("00000000000000000001.seg"))
    let refused = try Binary.run(["run", handlers, "--data", data, "--listen", "127.0.0.1:0"])
    #expect(refused.code == 1)
    #expect(refused.err.contains("00000000000000000001.seg"))
    #expect(try Data(contentsOf: segment) == bytes, "a refused log is left as it is")
  }
}
