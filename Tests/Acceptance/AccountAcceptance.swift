import Foundation
import FoundationNetworking
import TestKit
import Testing

/// The bank account, with the real binary: many clients at once, SIGKILL in between, and the audit afterwards.
@Suite("A bank account")
struct AccountAcceptance {
  private static let account = """
    aggregate "account" {
      initial  = { balance = 0 },
      events   = {
        Deposited = function(a, e) a.balance = a.balance + e.data.amount end,
        Withdrawn = function(a, e) a.balance = a.balance - e.data.amount end,
      },
      commands = {
        Withdraw = function(a, c)
          if a.balance < c.data.amount then reject("insufficient funds") end
          emit("Withdrawn", { amount = c.data.amount, left = a.balance - c.data.amount })
        end,
      },
    }
    """

  private func deposit(_ daemon: DaemonProcess, _ subject: String, _ amount: Int, id: String) async throws -> Bool {
    let body =
      #"{"specversion":"1.0","type":"Deposited","subject":"\#(subject)","id":"\#(id)","source":"/bank","data":{"amount":\#(amount)}}"#
    return try await daemon.request(
      "POST", "/events", body: Data(body.utf8), headers: ["content-type": "application/cloudevents+json"]
    ).status == 201
  }

  private func withdraw(_ daemon: DaemonProcess, _ subject: String, _ amount: Int, id: String) async throws -> Int {
    let body = #"{"to":"\#(subject)","id":"\#(id)","source":"/bank","data":{"amount":\#(amount)}}"#
    return try await daemon.request(
      "POST", "/commands/Withdraw", body: Data(body.utf8), headers: ["content-type": "application/json"]
    ).status
  }

  private func balance(_ daemon: DaemonProcess, _ subject: String, at: Int? = nil) async throws -> Int? {
    let path = "/aggregates/account?subject=\(subject)" + (at.map { "&at=\($0)" } ?? "")
    return (try await daemon.request("GET", path).json["state"] as? [String: Any])?["balance"] as? Int
  }

  @Test func `a hundred deposited and twenty withdrawn leave eighty, as the command line says`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["account.lua": Self.account], below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    #expect(try daemon.run("emit", "Deposited", "--subject", "a", "--data", #"{"amount":100}"#).code == 0)
    let sent = try daemon.run("send", "Withdraw", "--to", "a", "--data", #"{"amount":20}"#)
    #expect(
      sent.code == 0 && sent.out.contains("Withdrawn") && sent.out.contains(#"{"amount":20,"left":80}"#), "\(sent)")
    let rejected = try daemon.run("send", "Withdraw", "--to", "a", "--data", #"{"amount":81}"#)
    #expect(rejected.code == 2 && rejected.err == "moondance: rejected: insufficient funds\n", "\(rejected)")
    #expect(try daemon.run("state", "account", "a").out == "{\"balance\":80}\n")
    #expect(try daemon.run("state", "account", "a", "--at", "1").out == "{\"balance\":100}\n")
    let viewed = try daemon.run("view", "account", "a", "--at", "1")
    #expect(
      viewed.out == "{\"balance\":100}\n"
        && viewed.err == "moondance: as of position 1, found by the subject index, 1 event\n",
      "\(viewed)")
    #expect(try daemon.run("view", "account", "a").out == "{\"balance\":80}\n")
    let all = try daemon.run("view", "account")
    #expect(all.code == 1 && all.err.contains("moondance view NAME SUBJECT"), "\(all)")
    let early = try daemon.run("view", "account", "a", "--at", "813")
    #expect(early.code == 1 && early.err.contains("there is no position 813 yet"), "\(early)")
    let late = try await daemon.get("/views/account/a?after-position=813&wait=10ms")
    #expect(late.status == 504, "\(late)")
    let rebuilt = try daemon.run("view", "account", "--rebuild")
    #expect(rebuilt.code == 1 && rebuilt.err.contains("nothing to rebuild"), "\(rebuilt)")
    let unknown = try daemon.run("send", "Witdraw", "--to", "a")
    #expect(unknown.code == 1 && unknown.err.contains("Did you mean Withdraw (aggregate account)?"), "\(unknown)")
    #expect(daemon.stop() == 0)
  }

  @Test func `what a consumer has read of it is what is shown at that position, by position and by time`() async throws
  {
    let folder = TemporaryFolder()
    let notices = """
      consumer "notices" { reads = { "account" }, on = {
        Withdrawn = function(event) emit("Left", read("account", event.subject)) end } }
      """
    let handlers = try folder.write(["account.lua": Self.account, "notices.lua": notices], below: "handlers")
    var daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    for number in 0..<20 {
      #expect(try await deposit(daemon, "a-\(number % 3)", 30 + number, id: "d\(number)"))
      _ = try await withdraw(daemon, "a-\(number % 2)", 20, id: "w\(number)")
      if number == 9 {
        daemon.kill()
        daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
      }
    }
    try await daemon.settle()
    let events = try await daemon.allEvents()
    let left = events.filter { $0.text("type") == "Left" }
    #expect(left.count > 10)
    for event in left {
      let read = (event["data"] as? [String: Any])?["balance"] as? Int
      let answer = try await daemon.get("/views/account/\(event.text("subject"))?at=\(event.cause)")
      #expect((answer.json["document"] as? [String: Any])?["balance"] as? Int == read && read != nil)
      #expect(answer.json["found"] as? String ?? "" != "" && answer.json["position"] as? Int == event.cause)
    }
    let last = try #require(left.last)
    let now = try daemon.run("view", "account", last.text("subject"), "--at", "2999-01-01")
    #expect(try now.out == daemon.run("view", "account", last.text("subject")).out, "\(now)")
    #expect(try daemon.run("view", "account", last.text("subject"), "--at", "2001-01-01").out == "{\"balance\":0}\n")
    #expect(daemon.stop() == 0)
  }

  @Test(.timeLimit(.minutes(5)))
  func `sixty-four clients never overdraw it, and five kills leave every command with one outcome`() async throws {
    var random = Seed.printed()
    let folder = TemporaryFolder()
    let handlers = try folder.write(["account.lua": Self.account], below: "handlers")
    let data = folder.path + "/data"
    /// How each command ended, as somebody was told.
    var told: [String: Int] = [:]
    var deposited: Set<String> = []
    for round in 0..<6 {
      let daemon = try DaemonProcess(handlers: handlers, data: data)
      let isLast = round == 5
      let life = Duration.milliseconds(Int.random(in: 300...900, using: &random))
      let killer = isLast ? nil : daemon.kill(after: life)
      let known = told
      let results = await withTaskGroup(of: (commands: [(String, Int)], deposits: [String]).self) { group in
        for client in 0..<64 {
          group.addTask {
            var result: (commands: [(String, Int)], deposits: [String]) = ([], [])
            for number in 0..<12 {
              // What has no answer is sent again to the next daemon: the same command by its id.
              let id = "r\(round / 2)-c\(client)-n\(number)"
              if client % 4 == 0 {
                guard let isIn = try? await self.deposit(daemon, "a", 3, id: "d\(id)"), isIn else { return result }
                result.deposits.append(id)
              } else {
                guard let status = try? await self.withdraw(daemon, "a", 2, id: id), status == 200 || status == 422
                else {
                  return result
                }
                result.commands.append((id, status))
              }
            }
            return result
          }
        }
        return await group.reduce(into: (commands: [(String, Int)](), deposits: [String]())) {
          $0.commands += $1.commands
          $0.deposits += $1.deposits
        }
      }
      for (id, status) in results.commands {
        if let before = known[id] { #expect(before == status, "\(id) was told \(before) and then \(status)") }
        told[id] = status
      }
      deposited.formUnion(results.deposits)
      try await killer?.value
      if isLast { try await audit(daemon, told, deposited) }
      let verified = try Binary.run(["log", "verify", data])
      #expect(verified.code == 0, "\(verified.out)\(verified.err)")
    }
  }

  /// The balance at every position is the sum up to it, never below zero, and everything that was told is in the log.
  private func audit(_ daemon: DaemonProcess, _ told: [String: Int], _ deposited: Set<String>) async throws {
    try await daemon.settle()
    let events = try await daemon.allEvents()
    var sum = 0
    var samples: [(position: Int, balance: Int)] = []
    for event in events {
      let data = event["data"] as? [String: Any]
      let amount = data?["amount"] as? Int ?? 0
      if event.text("type") == "Deposited" { sum += amount }
      if event.text("type") == "Withdrawn" {
        sum -= amount
        #expect(data?["left"] as? Int == sum, "\(event)")
      }
      #expect(sum >= 0)
      samples.append((event.position, sum))
    }
    for sample in samples.indices where sample % 97 == 0 || sample == samples.count - 1 {
      #expect(try await balance(daemon, "a", at: samples[sample].position) == samples[sample].balance)
    }
    let causes = events.filter { $0.text("type") == "Withdrawn" }.map(\.cause)
    #expect(Set(causes).count == causes.count, "a command has withdrawn twice")
    #expect(causes.count >= told.values.count { $0 == 200 })
    #expect(told.count > 200, "too little was told to mean anything")
    #expect(
      Set(events.filter { $0.text("type") == "Deposited" }.map { $0.text("id") }).isSuperset(
        of: deposited.map { "d\($0)" }))
    // The same commands once more: each ends as it did.
    for (id, status) in told.prefix(50) {
      #expect(try await withdraw(daemon, "a", 2, id: id) == status)
    }
    let before = try await daemon.allEvents().count
    #expect(before == events.count)
    #expect(daemon.stop() == 0)
  }

  @Test(.timeLimit(.minutes(5)))
  func `a subject with a hundred thousand events is there within milliseconds after a restart`() async throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(["account.lua": Self.account], below: "handlers")
    let data = folder.path + "/data"
    var daemon = try DaemonProcess(handlers: handlers, data: data)
    let line = #"{"specversion":"1.0","type":"Deposited","subject":"a","data":{"amount":1}}"#
    let other = #"{"specversion":"1.0","type":"Deposited","subject":"b","data":{"amount":1}}"#
    for _ in 0..<20 {
      let lines = (0..<5_000).map { _ in line }.joined(separator: "\n") + "\n" + other + "\n"
      let response = try await daemon.request(
        "POST", "/events", body: Data(lines.utf8), headers: ["content-type": "application/x-ndjson"])
      #expect(response.status == 201)
    }
    func timed(_ what: String, _ body: () async throws -> Int) async throws -> Duration {
      let began = ContinuousClock.now
      #expect(try await body() == 200, "\(what)")
      let time = ContinuousClock.now - began
      print("\(what): \(time)")
      return time
    }
    // A connection and Lua states that are warm, so that only the subject is new.
    func warm(_ daemon: DaemonProcess) async throws {
      for number in 0..<4 { _ = try await withdraw(daemon, "b", 0, id: "warm-\(UUID())-\(number)") }
    }
    try await warm(daemon)
    let first = try await timed("100,000 events folded") { try await withdraw(daemon, "a", 1, id: "first") }
    #expect(daemon.stop() == 0)
    daemon = try DaemonProcess(handlers: handlers, data: data)
    try await warm(daemon)
    let again = try await timed("from a kept state") { try await withdraw(daemon, "a", 1, id: "again") }
    #expect(again < .milliseconds(200) && again < first / 3, "\(first) and \(again)")
    daemon.kill()
    try FileManager.default.removeItem(atPath: data + "/aggregates")
    daemon = try DaemonProcess(handlers: handlers, data: data)
    try await warm(daemon)
    _ = try await timed("after data/aggregates was deleted") { try await withdraw(daemon, "a", 1, id: "deleted") }
    #expect(try await balance(daemon, "a") == 99_997)
    // Kept again, and removed with the aggregate.
    func kept() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: data + "/aggregates").count }
    try await eventually("a kept state") { try kept() == 1 ? nil : "\(try kept()) files" }
    _ = try folder.write(["account.lua": #"consumer "x" { on = { X = function() end } }"#], below: "handlers")
    #expect(try daemon.run("reload").code == 0)
    #expect(try kept() == 0)
    #expect(daemon.stop() == 0)
  }
}
