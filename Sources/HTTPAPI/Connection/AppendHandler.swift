internal import DequeModule
internal import Engine
internal import Events
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Answers `POST /events` with an event or a batch where its bytes arrive, on the connection's event loop and without a
/// task: it is the request that comes most, and a task costs more than all the rest of it. Every other request goes on to
/// the routes, and so does one that comes while an earlier one is with them, since answers keep the order of requests.
///
/// Lives on the connection's event loop, behind `ExchangeHandler`.
final class AppendHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private enum State {
    case betweenRequests
    /// A request goes on to the routes, up to its end.
    case passing
    case taking(HTTPRequest, EventForm, ByteBuffer)
    /// The engine has the events; what arrives meanwhile waits.
    case appending
    /// Answered for the last time; the connection ends.
    case ended
  }

  private let route: AppendRoute
  private var context: ChannelHandlerContext?
  private var state = State.betweenRequests
  /// Requests that went on to the routes and have no answer yet.
  private var withRoutes = 0
  /// What has arrived behind a request that is with the engine, and who wants to read more.
  private var waiting: Deque<HTTPRequestPart> = []
  private var wantsRead = false
  /// What those behind are told when the request is answered.
  private var events: [Any] = []

  init(_ route: AppendRoute) { self.route = route }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { leave() }

  func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  private func leave() {
    (context, state, waiting, events) = (nil, .ended, [], [])
  }

  // MARK: What arrives

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    if isAppending { waiting.append(part) } else { take(part, context) }
  }

  private var isAppending: Bool { if case .appending = state { true } else { false } }

  /// Those behind see no request and would close the connection at once, when the sender ends or the host stops.
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch state {
    case .appending: events.append(event)
    case .taking where event is ChannelShouldQuiesceEvent: events.append(event)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  /// Who sends more without waiting for answers is read no further until the first has its own.
  func read(context: ChannelHandlerContext) {
    if waiting.isEmpty { context.read() } else { wantsRead = true }
  }

  private func take(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
    switch (state, part) {
    case (.ended, _), (.appending, _): break
    case (.betweenRequests, .head(let head)):
      if withRoutes == 0, let form = form(of: head) {
        state = .taking(head, form, ByteBuffer())
      } else {
        withRoutes += 1
        state = .passing
        context.fireChannelRead(wrapInboundOut(part))
      }
    case (.taking(let head, let form, var body), .body(let more)):
      state = .betweenRequests
      guard body.readableBytes + more.readableBytes <= route.limit(of: form) else {
        state = .ended
        return answer(.problem(AppendRoute.tooLarge(form, route.services.limits)).closing(), context)
      }
      if body.readableBytes == 0 { body = more } else { body.writeImmutableBuffer(more) }
      state = .taking(head, form, body)
    case (.taking(let head, let form, let body), .end):
      state = .betweenRequests
      append(head, form, body, context)
    case (_, .end):
      state = .betweenRequests
      context.fireChannelRead(wrapInboundOut(part))
    case (_, _): context.fireChannelRead(wrapInboundOut(part))
    }
  }

  /// Nil: for the routes, as is all that must be refused or asks for more than to be appended.
  private func form(of head: HTTPRequest) -> EventForm? {
    guard head.method == .post, head.path == "/events" else { return nil }
    for field in head.headerFields where [.ifMatch, .expect, .connection].contains(field.name) { return nil }
    guard case .append(let form) = Admission(head, route.services), form != .stream else { return nil }
    return form
  }

  private func append(_ head: HTTPRequest, _ form: EventForm, _ body: ByteBuffer, _ context: ChannelHandlerContext) {
    switch route.read(head, form, body, expecting: nil) {
    case .answered(let answer): self.answer(answer, context)
    case .append(let batch):
      state = .appending
      let (loop, handler) = (context.eventLoop, NIOLoopBound(self, eventLoop: context.eventLoop))
      route.services.host.append(batch, expecting: nil, stream: nil) { outcome in
        loop.execute { handler.value.appended(outcome, batch, form) }
      }
    }
  }

  private func appended(_ outcome: AppendOutcome, _ batch: EntryBatch, _ form: EventForm) {
    // Nil: the connection has ended meanwhile.
    guard let context else { return }
    state = .betweenRequests
    answer(AppendRoute.answer(outcome, to: batch, form), context)
    if !waiting.isEmpty { goOn(context) }
  }

  /// Takes what has waited, up to the next request that the engine gets.
  private func goOn(_ context: ChannelHandlerContext) {
    while !isAppending, let next = waiting.popFirst() { take(next, context) }
    guard waiting.isEmpty else { return }
    passEvents(context)
    context.fireChannelReadComplete()
    if wantsRead {
      wantsRead = false
      context.read()
    }
  }

  // MARK: Answers

  private func answer(_ answer: Answer, _ context: ChannelHandlerContext) {
    route.services.metrics.answered(.append, status: answer.head.status.code)
    context.write(wrapOutboundOut(.head(answer.head)), promise: nil)
    if answer.body.readableBytes > 0 { context.write(wrapOutboundOut(.body(answer.body)), promise: nil) }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    passEvents(context)
  }

  private func passEvents(_ context: ChannelHandlerContext) {
    guard waiting.isEmpty, !isAppending, !events.isEmpty else { return }
    let passed = events
    events = []
    for event in passed { context.fireUserInboundEventTriggered(event) }
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .end = unwrapOutboundIn(data) { withRoutes -= 1 }
    context.write(data, promise: promise)
  }
}
