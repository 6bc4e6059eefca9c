package import Engine
internal import HummingbirdCore
package import Logging
package import Metering
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle

/// The HTTP API of a running host.
package struct HTTPDoor: Service {
  private let configuration: DoorConfiguration
  private let services: DoorServices
  private let readers: NIOThreadPool
  private let logger: Logger
  private let onOpen: @Sendable (ListenAddress) async -> Void

  /// `onOpen` is called once requests are taken, with the address and the port that was found for port 0.
  package init(
    _ configuration: DoorConfiguration, host: any EventHost, reading: any EventReading,
    views: (any ViewReading)? = nil, sources: (any RequestIntake)? = nil, version: String,
    metrics: MetricsRegistry = MetricsRegistry(), logger: Logger,
    onOpen: @escaping @Sendable (ListenAddress) async -> Void = { _ in }
  ) {
    (self.configuration, self.logger, self.onOpen) = (configuration, logger, onOpen)
    readers = NIOThreadPool(numberOfThreads: 2)
    services = DoorServices(
      configuration: configuration, host: host, reading: reading, version: version, readers: readers,
      views: views, sources: sources, metrics: metrics)
  }

  /// Takes requests until the task is cancelled or asked to shut down gracefully; then lets those under way end.
  /// - Throws: `DoorError` when it cannot listen.
  package func run() async throws {
    readers.start()
    let responder = DoorResponder(services)
    let table = ConnectionTable(maximum: configuration.limits.connections)
    let append = AppendRoute(services: services)
    let channel = DoorChannel(limits: configuration.limits, table: table, append: append) { request, writer, channel in
      do {
        try await responder.respond(request, writer, channel)
      } catch is StreamRoute.Broken {
        // Nobody is there to answer to.
        try await channel.close()
      }
    }
    let address = configuration.address
    let server = Server(
      childChannelSetup: channel,
      configuration: ServerConfiguration(address: .hostname(address.host, port: address.port), backlog: 1024),
      onServerRunning: { [onOpen] channel in
        await onOpen(ListenAddress(host: address.host, port: channel.localAddress?.port ?? address.port))
      },
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Self.quiet(logger))
    do {
      try await server.run()
    } catch let error as IOError {
      throw DoorError(.cannotListen, "cannot listen on \(address): \(error.description)")
    }
    try await readers.shutdownGracefully()
  }

  /// The server says when it listens; so does whoever starts the door, in its own words.
  private static func quiet(_ logger: Logger) -> Logger {
    var logger = logger
    if logger.logLevel <= .info { logger.logLevel = .notice }
    return logger
  }
}
