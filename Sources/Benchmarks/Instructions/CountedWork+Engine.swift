import Engine
import Events
import Foundation
import Scripts

extension CountedWork {
  static let append = CountedWork(
    name: "append", summary: "200-byte events, a thousand a request, from the engine's inbox to durable", units: 20_000
  ) { folder in
    let host = try LoneHost(in: folder)
    let batches = BenchEvents(hash: host.hash, type: "Measured", recordBytes: 200).batches(20_000)
    return {
      for batch in batches {
        host.append(batch)
        try host.settle()
      }
    }
  }

  static let dedupe = CountedWork(
    name: "dedupe", summary: "append, with ids of events from outside, each of which is new", units: 20_000
  ) { folder in
    let host = try LoneHost(in: folder)
    let batches = BenchEvents(hash: host.hash, type: "Measured", recordBytes: 200, hasIdentity: true).batches(20_000)
    return {
      for batch in batches {
        host.append(batch)
        try host.settle()
      }
    }
  }

  static let react = CountedWork(
    name: "react", summary: "W2 in one thread: read, key, call Lua, emit, frame, durable", units: 20_000
  ) { folder in
    let host = try LoneHost(in: folder)
    try host.fill(20_000, type: "Ping")
    return {
      try host.deploy(Reacting.source)
      try host.settle()
      try host.expect(40_000)
    }
  }

  static let wide = CountedWork(
    name: "wide", summary: "a hundred consumers, each of which hears one event in a hundred", units: 20_000
  ) { folder in
    let host = try LoneHost(in: folder)
    try host.fill(20_000) { "Ping\($0 % 100)" }
    let source = (0..<100).map { Reacting.consumer("react \($0)", hears: "Ping\($0)") }.joined(separator: "\n")
    return {
      try host.deploy(source)
      try host.settle()
      try host.expect(40_000)
    }
  }

  static let skip = CountedWork(
    name: "skip", summary: "a consumer that hears one event in ten thousand goes over all of them", units: 100_000
  ) { folder in
    let host = try LoneHost(in: folder)
    try host.fill(100_000) { $0 % 10_000 == 0 ? "Rare" : "Ping" }
    return {
      try host.deploy(Reacting.consumer("react", hears: "Rare"))
      try host.settle()
      try host.expect(100_010)
    }
  }

  static let decide = CountedWork(
    name: "decide", summary: "commands to an aggregate with a thousand subjects, an event for each", units: 5000
  ) { folder in
    let host = try LoneHost(in: folder)
    try host.deploy(
      """
      aggregate "account" {
        initial = { balance = 0 },
        commands = { Deposit = function(a, c) emit("Deposited", { amount = c.data.amount }) end },
        events = { Deposited = function(a, event) a.balance = a.balance + event.data.amount end },
      }
      """)
    try host.settle()
    let commands = (0..<5000).map { number in
      let command = EntryBatch(hash: host.hash)
      command.add("Deposit", "account-\(number * 7 % 1000)", json: #"{"amount":\#(number)}"#.utf8, kind: .command)
      return command
    }
    return {
      for (number, command) in commands.enumerated() {
        host.send(command)
        if number % 50 == 49 { try host.settle() }
      }
    }
  }

  static let recover = CountedWork(
    name: "recover", summary: "open a log that was not closed, check its commits, fold the control state",
    units: 40_000
  ) { folder in
    let host = try LoneHost(in: folder)
    try host.fill(20_000, type: "Ping")
    try host.deploy(Reacting.source)
    try host.settle()
    try host.close()
    return { try host.open() }
  }
}

extension LoneHost {
  /// Appends events before the counting begins.
  fileprivate func fill(_ count: Int, type: @escaping (Int) -> String) throws {
    for batch in BenchEvents(hash: hash, recordBytes: 120, type: type).batches(count) {
      append(batch)
      try settle()
    }
  }

  fileprivate func fill(_ count: Int, type: String) throws { try fill(count) { _ in type } }
}
