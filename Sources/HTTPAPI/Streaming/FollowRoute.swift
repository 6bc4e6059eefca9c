internal import Engine
internal import Events
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import ServiceLifecycle
internal import Wire

/// `GET /events` with `Accept: text/event-stream`: gives what is there and then what comes. It reads the log at the
/// pace of its reader and holds one portion in memory; the log never waits for it.
struct FollowRoute: Sendable {
  let services: DoorServices
  let query: EventQuery

  static var head: HTTPResponse {
    HTTPResponse(
      status: .ok,
      headerFields: [
        .contentType: "text/event-stream", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
        .connection: "close",
      ])
  }

  func run(_ writer: inout any ResponseBodyWriter, _ channel: any Channel) async throws {
    let (wakes, source) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    let beat = channel.eventLoop.scheduleRepeatedTask(
      initialDelay: .nanoseconds(Int64(services.limits.keepAliveTime.nanoseconds)),
      delay: .nanoseconds(Int64(services.limits.keepAliveTime.nanoseconds))
    ) { _ in source.yield() }
    defer { beat.cancel() }
    channel.closeFuture.whenComplete { _ in source.finish() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      group.addTask { [host = services.host] in
        defer { source.finish() }
        var seen = host.durable
        // Who follows may have looked before this.
        source.yield()
        while !Task.isCancelled {
          seen = try await host.waitForDurable(after: seen)
          source.yield()
        }
      }
      group.addTask {
        try? await gracefulShutdown()
        source.finish()
      }
      try await follow(&writer, wakes)
    }
  }

  /// Writes until the limit is reached, the reader is too slow, or there are no more `wakes`.
  func follow(_ writer: inout any ResponseBodyWriter, _ wakes: AsyncStream<Void>) async throws {
    let limits = services.limits
    var cursor = query.from ?? Position(1)
    if let last = query.last {
      let durable = services.host.durable
      cursor = try await services.reading { [page = services.page, filter = query.filter] in
        try EventSearch(page.reading, filter, durable: durable, for: limits.searchTime).start(ofLast: last)
      }
    }
    var left = query.limit ?? Int.max
    var written = ContinuousClock.now
    try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
    var iterator = wakes.makeAsyncIterator()
    repeat {
      while cursor <= services.host.durable, left > 0 {
        let durable = services.host.durable
        let (from, limit) = (cursor, left)
        let portion = try await services.reading { [page = services.page, filter = query.filter] in
          try page.portion(filter, from: from, durable: durable, limit: limit)
        }
        cursor = portion.next
        left -= portion.count
        guard portion.count > 0 else { continue }
        let start = ContinuousClock.now
        try await writer.write(portion.body)
        written = .now
        if written - start > limits.followTime {
          try await writer.write(EventStreamText.cut(resumeAfter: Position(cursor.rawValue - 1)))
          return
        }
      }
      if left == 0 { return }
      if ContinuousClock.now - written >= limits.keepAliveTime / 2 {
        try await writer.write(EventStreamText.alive(through: Position(cursor.rawValue - 1)))
        written = .now
      }
    } while await iterator.next() != nil
  }
}
