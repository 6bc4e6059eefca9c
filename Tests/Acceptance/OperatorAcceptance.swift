import Foundation
import TestKit
import Testing

/// What an operator does when handlers fail, with the words they type.
@Suite("Operators")
struct OperatorAcceptance {
  /// Fails on bad events of the subjects in `failing`.
  private static func script(failing: String) -> String {
    """
    local failing = "\(failing)"
    consumer "work" {
      retry = { attempts = 2, first = "1ms", jitter = 0 },
      on = { Work = function(event)
        log.info("begun", event.data.n)
        if event.data.bad and failing:find(event.subject, 1, true) then error("no such customer " .. event.subject) end
        emit("Done", { n = event.data.n })
      end },
    }
    """
  }

  private func emit(_ daemon: DaemonProcess, _ subject: String, _ number: Int, bad: Bool = false) throws {
    let output = try daemon.run("emit", "Work", "--subject", subject, "--data", #"{"n":\#(number),"bad":\#(bad)}"#)
    #expect(output.code == 0, "\(output.err)")
  }

  private func done(_ daemon: DaemonProcess) async throws -> [Int] {
    try await daemon.allEvents().filter { $0.text("type") == "Done" }.compactMap {
      ($0["data"] as? [String: Any])?["n"] as? Int
    }
  }

  private func waitForDone(_ daemon: DaemonProcess, _ expected: [Int]) async throws {
    try await eventually("done to be \(expected)") {
      let seen = try await done(daemon)
      return seen == expected ? nil : "\(seen)"
    }
  }

  private func consumer(_ daemon: DaemonProcess) async throws -> [String: Any] {
    (try await daemon.status()["consumers"] as? [[String: Any]])?.first ?? [:]
  }

  /// The ids of the open letters by subject.
  private func letters(_ daemon: DaemonProcess, _ options: String...) throws -> [String: String] {
    let output = try Binary.run(["dead-letters", "--json"] + options, server: daemon.port)
    #expect(output.code == 0, "\(output.err)")
    let page = try JSONSerialization.jsonObject(with: Data(output.out.utf8)) as? [String: Any]
    let found = page?["deadLetters"] as? [[String: Any]] ?? []
    return Dictionary(uniqueKeysWithValues: found.map { ($0.text("key"), $0.text("id")) })
  }

  @Test(.timeLimit(.minutes(2)))
  func `a consumer fails; its letters are listed, shown, retried, skipped and discarded, and all of it is in the log`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["work.lua": Self.script(failing: "a b d")], below: "handlers")
    var daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    try emit(daemon, "a", 1, bad: true)
    try emit(daemon, "a", 2)
    try emit(daemon, "b", 3, bad: true)
    try emit(daemon, "b", 4)
    try emit(daemon, "c", 5)
    try emit(daemon, "d", 6, bad: true)
    try await eventually("three dead letters") {
      let count = try await consumer(daemon)["deadLetters"] as? Int
      return count == 3 ? nil : "\(count ?? -1)"
    }
    #expect(try await done(daemon) == [5])
    // They are a fold of the log: a crash changes nothing.
    let before = try letters(daemon)
    daemon.kill()
    daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    let ids = try letters(daemon)
    #expect(ids == before && Set(ids.keys) == ["a", "b", "d"])
    let (a, b, d) = (try #require(ids["a"]), try #require(ids["b"]), try #require(ids["d"]))

    let list = try daemon.run("dead-letters")
    let lines = list.out.split(separator: "\n")
    #expect(lines.count == 4 && lines[0].hasPrefix("ID ") && lines[1].contains("work.lua:6: no such customer a"))
    #expect(lines[1].split(separator: " ").prefix(7) == [a[...], "work", "a", "1", "Work", "2", "blocking"])
    #expect(try letters(daemon, "--error", "customer b") == ["b": b])
    #expect(try letters(daemon, "--type", "Wo*", "--limit", "1") == ["a": a])
    let typo = try daemon.run("dead-letters", "--consumer", "wrok")
    #expect(typo.code == 1 && typo.err.contains(#"Did you mean "work"?"#))

    let shown = try daemon.run("dead-letters", "show", a)
    #expect(shown.out.contains("blocking, 1 event waits behind it"))
    #expect(shown.out.contains("attempt 1, ") && shown.out.contains("attempt 2, "))
    #expect(shown.out.contains("no such customer a") && shown.out.contains("log info: begun 1"))
    let unknown = try daemon.run("dead-letters", "show", "999999")
    #expect(unknown.code == 1 && unknown.err.contains("There has never been a dead letter of this id"))

    // Mended for one of them.
    try Self.script(failing: "b d").write(toFile: handlers + "/work.lua", atomically: true, encoding: .utf8)
    #expect(try daemon.run("reload").out.contains("generation 2"))
    #expect(try daemon.run("dead-letters", "retry", a).out == "1 dead letter retried\n")
    try await waitForDone(daemon, [5, 1, 2])
    let again = try daemon.run("dead-letters", "retry", a)
    #expect(again.code == 0 && again.out == "not open any more: \(a)\n")

    // What fails again is a letter of its own, with all that was tried before.
    #expect(try daemon.run("dead-letters", "retry", "--all", "--error", "customer b").code == 0)
    try await eventually("the letter of b to come again") {
      let now = try letters(daemon)["b"]
      return now != nil && now != b ? nil : "\(now ?? "")"
    }
    let second = try #require(try letters(daemon)["b"])
    let history = try await daemon.get("/dead-letters/\(second)").json
    #expect((history["attempts"] as? [[String: Any]])?.map { $0["attempt"] as? Int } == [1, 2, 1, 2])

    #expect(try daemon.run("dead-letters", "skip", "--all", "--consumer", "work", "--key", "b").out.hasPrefix("1 dead"))
    try await waitForDone(daemon, [5, 1, 2, 4])
    #expect(try daemon.run("dead-letters").out.contains("skipped"))
    #expect(try daemon.run("dead-letters", "discard", d, second).out == "2 dead letters discarded\n")
    #expect(try daemon.run("dead-letters").err.contains("there are no dead letters"))
    #expect(try daemon.run("dead-letters", "show", d).out.contains("dead letter \(d) of work: resolved"))

    let resolved = try await daemon.allEvents().filter { $0.text("type") == "moondance.dead-letter.resolved" }
      .compactMap { $0["data"] as? [String: Any] }
    #expect(resolved.map { $0.text("how") } == ["retried", "retried", "skipped", "discarded", "discarded"])
    #expect(resolved.allSatisfy { $0.text("by") == "local (\(NSUserName()))" }, "\(resolved)")
    #expect(try await daemon.allEvents().count { $0.text("type") == "moondance.dead-letter" } == 4)
    #expect(daemon.stop() == 0)
  }

  @Test(.timeLimit(.minutes(2)))
  func `a consumer is paused, resumed, set back and forgotten, after saying what that means`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["work.lua": Self.script(failing: "x")], below: "handlers")
    var daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    try emit(daemon, "a", 1)
    try await waitForDone(daemon, [1])

    #expect(try daemon.run("consumers", "pause", "work").out.hasPrefix("work is paused"))
    #expect(try daemon.run("consumers", "pause", "work").out.hasPrefix("work was paused already"))
    try emit(daemon, "b", 2)
    #expect(daemon.stop() == 0)
    daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    #expect(try daemon.run("consumers").out.contains("paused"))
    #expect(try await done(daemon) == [1])
    #expect(try daemon.run("consumers", "resume", "work").code == 0)
    try await waitForDone(daemon, [1, 2])
    try await daemon.settle()

    let typo = try daemon.run("consumers", "pause", "wrok")
    #expect(typo.code == 1 && typo.err.contains(#"Did you mean "work"?"#))

    // Position 1 is the first event, 2 what came of it, 3 the second, 4 what came of it.
    let dry = try daemon.run("consumers", "rewind", "work", "--to", "3", "--dry-run", "--json")
    let report = try #require(try JSONSerialization.jsonObject(with: Data(dry.out.utf8)) as? [String: Any])
    #expect(report["events"] as? Int == 1 && report["effects"] as? Int == 1 && report["from"] as? Int == 3)
    let unasked = try daemon.run("consumers", "rewind", "work", "--to", "1")
    #expect(unasked.code == 1 && unasked.err.contains("handle 2 events again. It made 2 events of them before"))
    #expect(unasked.err.contains("add --yes") && unasked.out.isEmpty)
    let no = try daemon.run("consumers", "rewind", "work", "--to", "1", typed: "n\n")
    #expect(no.code == 1 && no.err.contains("Go on? [y/N]") && no.err.contains("nothing was done"))
    #expect(try await done(daemon) == [1, 2])
    let yes = try daemon.run("consumers", "rewind", "work", "--to", "3", typed: "y\n")
    #expect(yes.code == 0 && yes.out == "work hears again from 3 on\n")
    try await waitForDone(daemon, [1, 2, 2])
    let ahead = try daemon.run("consumers", "rewind", "work", "--to", "999", "--yes")
    #expect(ahead.code == 1 && ahead.err.contains("a rewind goes back"))
    #expect(try daemon.run("consumers", "rewind", "work", "--to", "2001-01-01", "--yes").code == 0)
    try await waitForDone(daemon, [1, 2, 2, 1, 2])

    // With nothing to drop nobody is asked.
    #expect(try daemon.run("consumers", "forget", "work").out == "nothing waited for work\n")
    try emit(daemon, "x", 3, bad: true)
    try emit(daemon, "x", 4)
    try await eventually("a dead letter") {
      let count = try await consumer(daemon)["deadLetters"] as? Int
      return count == 1 ? nil : "\(count ?? -1)"
    }
    let refused = try daemon.run("consumers", "forget", "work")
    #expect(refused.code == 1 && refused.err.contains("2 events in blocked keys and 1 dead letter of work will be dropped"))
    let forgotten = try daemon.run("consumers", "forget", "work", "--yes")
    #expect(forgotten.code == 0 && forgotten.out.hasPrefix("dropped: 2 events in blocked keys, 1 dead letter; work goes on"))
    try emit(daemon, "x", 5)
    try await waitForDone(daemon, [1, 2, 2, 1, 2, 5])

    // A consumer that no script declares any more is gone for good.
    try "consumer \"other\" { on = { Other = function() end } }"
      .write(toFile: handlers + "/work.lua", atomically: true, encoding: .utf8)
    #expect(try daemon.run("reload").code == 0)
    #expect(try daemon.run("consumers", "pause", "work").err.contains("not declared any more"))
    #expect(try daemon.run("consumers", "forget", "work", "--yes").out.hasPrefix("work is forgotten"))
    #expect(try daemon.run("consumers", "forget", "work", "--yes").code == 1)
    #expect(daemon.stop() == 0)
  }

  @Test func `with tokens the log says whose it was, and who may only read changes nothing`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["work.lua": Self.script(failing: "a")], below: "handlers")
    let tokens = folder.path + "/tokens"
    try "read,append reading-token-0123456\nread,admin operator-token-0123456 anna\n"
      .write(toFile: tokens, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: tokens)
    let daemon = try DaemonProcess(
      handlers: handlers, data: folder.path + "/data", arguments: ["--token-file", tokens])
    let event = Data(#"{"specversion":"1.0","type":"Work","subject":"a","data":{"n":1,"bad":true}}"#.utf8)
    let reading = ["Authorization": "Bearer reading-token-0123456"]
    let operating = ["Authorization": "Bearer operator-token-0123456"]
    let appended = try await daemon.request(
      "POST", "/events", body: event,
      headers: reading.merging(["Content-Type": "application/cloudevents+json"]) { first, _ in first })
    #expect(appended.status == 201)
    var id = ""
    try await eventually("a dead letter") {
      let list = try await daemon.request("GET", "/dead-letters", headers: reading).json
      id = (list["deadLetters"] as? [[String: Any]])?.first?.text("id") ?? ""
      return id.isEmpty ? "none" : nil
    }
    #expect(try await daemon.request("POST", "/dead-letters/\(id)/discard", headers: reading).status == 403)
    #expect(try await daemon.request("POST", "/dead-letters/\(id)/discard", headers: operating).status == 200)
    let page = try await daemon.request(
      "GET", "/events?type=moondance.dead-letter.resolved", headers: reading).json
    let data = (page["events"] as? [[String: Any]])?.first?["data"] as? [String: Any]
    #expect(data?.text("by") == "anna")
    #expect(daemon.stop() == 0)
  }
}
