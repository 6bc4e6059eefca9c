import Engine
import Events
import Foundation
import Synchronization
import Testing
import Wire

@testable import HTTPAPI

/// `GET /timers` over a host whose log is an array.
@Suite struct TimerListTests {
  private func host(_ count: Int) async -> MemoryHost {
    let host = MemoryHost()
    var places: [TimerPlace] = []
    for number in 0..<count {
      let cause = EntryBatch(hash: host.hash)
      cause.add("Go", "s", json: "{}".utf8)
      let batch = EntryBatch(hash: host.hash)
      let due = Int64(1_767_225_600_000_000 - number * 1_000_000)
      let id = number % 2 == 0 ? "id \(number)" : nil
      "Due".bytes { type in
        "s-\(number)".bytes { subject in
          "{}".bytes { data in
            func add(_ id: UnsafeRawBufferPointer?) {
              batch.addTimer(
                due: due, now: 0, scope: TimerScope(reader: 1, key: subject, id: id), type: type, subject: subject,
                data: data, cause: cause.entry(0), at: 1)
            }
            if let id { id.bytes { add($0) } } else { add(nil) }
          }
        }
      }
      _ = await host.append(batch, expecting: nil, stream: nil)
      places.append(TimerPlace(due: due, position: UInt64(number + 1)))
    }
    let sorted = places.sorted()
    host.pendingTimers.withLock { $0 = sorted }
    return host
  }

  @Test func `pages come in due order, each says where the next begins, and none is in two`() async throws {
    let host = await host(25)
    try await TestServer.run(host: host) { client in
      var subjects: [String] = []
      var after = ""
      var pages = 0
      repeat {
        let page = try await client.get("/timers?limit=10\(after)").decoded(TimerList.self)
        #expect(page.total == 25)
        subjects += page.timers.map(\.subject)
        after = page.next.map { "&after=\($0)" } ?? ""
        pages += 1
      } while !after.isEmpty
      #expect(pages == 3 && subjects == (0..<25).reversed().map { "s-\($0)" })
      let reader = host.operators.withLock { $0.readers.first { $0.number == 1 }?.name } ?? "#1"
      let first = try await client.get("/timers?limit=1").decoded(TimerList.self).timers.first
      #expect(
        first
          == TimerReport(
            position: 25, due: "2025-12-31T23:59:36.000000Z", type: "Due", subject: "s-24",
            reader: reader, key: "s-24", id: "id 24"))
      let status = try await client.get("/status").decoded(StatusReport.self)
      #expect(status.timers == StatusReport.Timers(pending: 25, next: "2025-12-31T23:59:36.000000Z"))
      #expect(try await client.get("/events/1").status == 404)
    }
  }

  @Test(arguments: ["limit=0", "limit=1001", "after=x", "after=1", "after=1.2.3", "from=1"])
  func `a query that means nothing is refused`(query: String) async throws {
    try await TestServer.run(host: await host(1)) { client in
      let status = try await client.get("/timers?\(query)").status
      #expect(status == 400)
    }
  }
}
