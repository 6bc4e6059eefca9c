internal import NIOCore
internal import NIOHTTPTypes

/// Before the HTTP decoder: counts bytes and notices when the peer takes none.
final class ArrivalHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer

  private let watch: ConnectionWatch
  /// The handler after the decoder, which can speak HTTP.
  private let exchange: ExchangeHandler

  init(watch: ConnectionWatch, exchange: ExchangeHandler) { (self.watch, self.exchange) = (watch, exchange) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard watch.received(unwrapInboundIn(data).readableBytes) else {
      context.read()
      return
    }
    context.fireChannelRead(data)
    if watch.isHeadTooLong { exchange.refuseHead() }
  }

  func read(context: ChannelHandlerContext) {
    watch.asked()
    context.read()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    watch.writable(context.channel.isWritable)
    context.fireChannelWritabilityChanged()
  }
}

/// After the HTTP decoder: sees requests and answers begin and end.
final class ExchangeHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let watch: ConnectionWatch
  private let limits: DoorLimits
  private var context: ChannelHandlerContext?

  init(watch: ConnectionWatch, limits: DoorLimits) { (self.watch, self.limits) = (watch, limits) }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    watch.start(context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    watch.stop()
  }

  func channelInactive(context: ChannelHandlerContext) {
    watch.stop()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if watch.isClosing { return }
    switch unwrapInboundIn(data) {
    case .head(let head):
      if let problem = watch.receivedHead(head) {
        watch.refuse(problem, context)
        return
      }
    case .body: break
    case .end: watch.receivedEnd()
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if watch.isClosing {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    switch unwrapOutboundIn(data) {
    case .head(let head):
      watch.answering(head)
      context.write(data, promise: promise)
    case .body: context.write(data, promise: promise)
    case .end:
      context.writeAndFlush(data, promise: promise)
      watch.answered(context)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event as? ChannelEvent == .inputClosed { watch.inputClosed(context) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    watch.refuse(watch.problem(for: error), context)
  }

  /// Refuses a head that does not end.
  func refuseHead() {
    guard let context else { return }
    watch.refuse(ConnectionWatch.headersTooLarge(limits), context)
  }
}
