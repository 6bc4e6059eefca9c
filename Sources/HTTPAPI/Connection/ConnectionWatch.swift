internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import Synchronization
internal import Wire

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Watches one connection from both sides of the HTTP decoder: bytes before it, requests and answers after it. Refuses
/// what is too long or too slow, and closes so that the sender still sees why.
///
/// Lives on the connection's event loop.
final class ConnectionWatch {
  private let limits: DoorLimits
  private let table: ConnectionTable
  private let member: ConnectionTable.Member
  private(set) var clock: ConnectionClock
  private var headBytes = 0
  private var tick: Scheduled<Void>?

  /// Nothing that arrives is of interest any more.
  private(set) var isClosing = false
  /// An answer has begun and not ended.
  private var isAnswering = false
  private var closesAfterAnswer = false
  private var follows = false

  init(limits: DoorLimits, table: ConnectionTable, member: ConnectionTable.Member) {
    (self.limits, self.table, self.member) = (limits, table, member)
    clock = ConnectionClock(limits: limits, now: NIODeadline.now().uptimeNanoseconds)
  }

  private var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

  private func changed() {
    let isBusy = clock.isBusy
    let mark = member.idleSince.load(ordering: .relaxed)
    if isBusy, mark != 0 { member.idleSince.store(0, ordering: .relaxed) }
    if !isBusy, mark == 0 { member.idleSince.store(max(1, now), ordering: .relaxed) }
  }

  // MARK: Time

  func start(_ context: ChannelHandlerContext) { scheduleTick(context) }

  func stop() {
    tick?.cancel()
    tick = nil
    table.leave(member)
  }

  private func scheduleTick(_ context: ChannelHandlerContext) {
    let shortest = min(limits.headerTime, limits.requestTime, limits.idleTime, limits.stallTime)
    let interval = max(5_000_000, min(1_000_000_000, Int64(shortest.nanoseconds / 4)))
    tick = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(interval)) { [self] in
      switch clock.verdict(now: now) {
      case .wait: scheduleTick(context)
      case .close: context.close(promise: nil)
      case .reset:
        _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        context.close(promise: nil)
      case .refuse(let kind):
        refuse(Problem(kind, "The request was not complete in time. Send it again, without pauses."), context)
      }
    }
  }

  // MARK: Bytes

  /// Whether bytes are to go on to the decoder.
  func received(_ count: Int) -> Bool {
    if isClosing { return false }
    clock.received(now: now)
    headBytes += count
    return true
  }

  /// After the decoder has seen what arrived: whether a head is too long although it has not ended.
  var isHeadTooLong: Bool { !isClosing && clock.isInHead && headBytes > limits.headerBytes + limits.addressBytes }

  func asked() { clock.asked(now: now) }

  func writable(_ isWritable: Bool) { clock.writable(isWritable, now: now) }

  // MARK: Requests and answers

  /// What is wrong with a head that has come; nil: it may go on.
  func receivedHead(_ head: HTTPRequest) -> Problem? {
    headBytes = 0
    let type = head.headerFields.value(of: .contentType) ?? ""
    clock.headEnded(isStream: type.lowercased().hasPrefix("application/x-ndjson"), now: now)
    changed()
    if (head.path ?? "").utf8.count > limits.addressBytes {
      return Problem(.addressTooLong, "The path and query have more than \(limits.addressBytes) bytes.")
    }
    let size = head.headerFields.reduce(0) { $0 + $1.name.rawName.utf8.count + $1.value.utf8.count + 4 }
    if size > limits.headerBytes { return Self.headersTooLarge(limits) }
    return nil
  }

  func receivedEnd() {
    headBytes = 0
    clock.requestEnded(now: now)
    changed()
  }

  /// The sender will send no more. One who follows has gone; another may wait for the answer.
  func inputClosed(_ context: ChannelHandlerContext) {
    if follows || isClosing { context.close(promise: nil) }
  }

  func answering(_ head: HTTPResponse) {
    if head.status.kind == .informational { return }
    isAnswering = true
    closesAfterAnswer = head.headerFields.value(of: .connection)?.lowercased() == "close"
    follows = head.headerFields.value(of: .contentType) == "text/event-stream"
  }

  func answered(_ context: ChannelHandlerContext) {
    isAnswering = false
    follows = false
    clock.answerEnded(now: now)
    changed()
    if closesAfterAnswer { windDown(context) }
  }

  // MARK: Refusing

  static func headersTooLarge(_ limits: DoorLimits) -> Problem {
    Problem(.headersTooLarge, "The headers together have more than \(limits.headerBytes) bytes.")
  }

  /// What a decoder's error means to the sender.
  func problem(for error: any Error) -> Problem {
    if error as? HTTPParserError == .headerOverflow { return Self.headersTooLarge(limits) }
    return Problem(.badRequest, "This is not a request of HTTP/1.1 that can be understood.")
  }

  /// Answers with a problem, unless an answer has begun, and closes.
  func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
    if isClosing { return }
    if !isAnswering {
      let answer = Answer.problem(problem)
      var head = answer.head
      head.headerFields[.connection] = "close"
      context.write(NIOAny(HTTPResponsePart.head(head)), promise: nil)
      context.write(NIOAny(HTTPResponsePart.body(answer.body)), promise: nil)
      context.writeAndFlush(NIOAny(HTTPResponsePart.end(nil)), promise: nil)
    }
    windDown(context)
  }

  /// Says that nothing more will come, throws away what still arrives for a while, then closes. Closing at once would
  /// reset the connection, and the sender might never see the answer.
  private func windDown(_ context: ChannelHandlerContext) {
    isClosing = true
    tick?.cancel()
    context.close(mode: .output, promise: nil)
    context.read()
    tick = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(limits.lingerTime.nanoseconds))) {
      context.close(promise: nil)
    }
  }
}
