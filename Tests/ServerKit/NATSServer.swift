internal import CNATS
internal import Foundation
internal import Synchronization
internal import TestKit

/// A NATS server of a test's own on 127.0.0.1 with JetStream, from Debian's package. Its streams survive its restarts.
package final class NATSServer: Sendable {
  /// Why tests with it are skipped, if they are.
  package static let missing = "nats-server is not installed (Debian: nats-server)"
  package static var isInstalled: Bool { program != nil }

  /// The same after a restart.
  package let port: UInt16
  private let folder = TemporaryFolder()
  private let process = Mutex<RunningProgram?>(nil)

  private static let program = Program.find(["/usr/sbin/nats-server", "/usr/bin/nats-server"])

  /// - Parameter configuration: more of nats-server's configuration file.
  package init(configuration: String = "") throws {
    port = try Loopback.freePort()
    let text = """
      listen: "127.0.0.1:\(port)"
      jetstream { store_dir: "\(folder.path)/streams" }
      \(configuration)
      """
    try text.write(toFile: "\(folder.path)/server.conf", atomically: true, encoding: .utf8)
    try start()
  }

  deinit { kill() }

  package var url: String { "nats://127.0.0.1:\(port)" }

  /// Starts it again; returns when it answers.
  package func start() throws {
    guard let program = Self.program else { throw Program.Failed(description: Self.missing) }
    let started = try RunningProgram(program, ["-c", "\(folder.path)/server.conf"])
    process.withLock { $0 = started }
    try Program.wait(for: "the NATS server on port \(port)") { Loopback.answers(port: port) }
  }

  /// Ends it in good order.
  package func stop() { end(SIGINT) }

  /// As a crash does.
  package func kill() { end(SIGKILL) }

  private func end(_ signal: Int32) {
    guard let running = process.withLock({ $0 }) else { return }
    running.send(signal)
    _ = try? running.wait()
  }

  /// It keeps its connections and does nothing, until `resume`.
  package func pause() { signal(SIGSTOP) }

  package func resume() { signal(SIGCONT) }

  private func signal(_ number: Int32) {
    process.withLock { $0 }?.send(number)
  }

  package func client() throws -> NATSClient { try NATSClient(url) }
}

/// A client of a NATS server, to look at what has arrived. For one thread at a time.
///
/// `@unchecked Sendable`: libnats's handles may be used from any thread.
package final class NATSClient: @unchecked Sendable {
  package struct Message: Sendable, Equatable {
    package var subject: String
    package var body: String
    /// The header `Nats-Msg-Id`.
    package var id: String?
    package var contentType: String?

    package init(subject: String, body: String, id: String?, contentType: String?) {
      (self.subject, self.body, self.id, self.contentType) = (subject, body, id, contentType)
    }
  }

  private var connection: OpaquePointer?
  private var stream: OpaquePointer?
  private var subscription: OpaquePointer?

  init(_ url: String) throws {
    try Self.check(natsConnection_ConnectTo(&connection, url))
    try Self.check(natsConnection_JetStream(&stream, connection, nil))
  }

  deinit {
    natsSubscription_Destroy(subscription)
    jsCtx_Destroy(stream)
    natsConnection_Destroy(connection)
  }

  private static func check(_ status: natsStatus) throws {
    guard status != NATS_OK else { return }
    throw Program.Failed(description: "NATS: \(String(cString: natsStatus_GetText(status)))")
  }

  /// Makes a stream of files.
  /// - Parameter mostMessages: then it refuses more; 0: it takes any number.
  package func makeStream(_ name: String, subject: String, mostMessages: Int64 = 0) throws {
    let texts = [strdup(name), strdup(subject)]
    defer { for text in texts { free(text) } }
    var configuration = jsStreamConfig()
    try Self.check(jsStreamConfig_Init(&configuration))
    configuration.Name = UnsafePointer(texts[0])
    if mostMessages > 0 {
      configuration.MaxMsgs = mostMessages
      configuration.Discard = js_DiscardNew
    }
    var subjects = [UnsafePointer(texts[1])]
    try subjects.withUnsafeMutableBufferPointer { subjects in
      configuration.Subjects = subjects.baseAddress
      configuration.SubjectsLen = 1
      try Self.check(js_AddStream(nil, stream, &configuration, nil, nil))
    }
  }

  /// All messages of a stream from which none was deleted.
  package func messages(of name: String) throws -> [Message] {
    var information: UnsafeMutablePointer<jsStreamInfo>?
    try Self.check(js_GetStreamInfo(&information, stream, name, nil, nil))
    defer { jsStreamInfo_Destroy(information) }
    let last = information?.pointee.State.LastSeq ?? 0
    return try (0..<last).map { number in
      var message: OpaquePointer?
      try Self.check(js_GetMsg(&message, stream, name, number + 1, nil, nil))
      defer { natsMsg_Destroy(message) }
      return Self.message(message!)
    }
  }

  /// From now on `next` gives what comes on these subjects.
  package func subscribe(_ subject: String) throws {
    try Self.check(natsConnection_SubscribeSync(&subscription, connection, subject))
    try Self.check(natsConnection_Flush(connection))
  }

  /// Nil when nothing comes for a while.
  package func next(milliseconds: Int64 = 5000) -> Message? {
    var message: OpaquePointer?
    guard natsSubscription_NextMsg(&message, subscription, milliseconds) == NATS_OK, let message else { return nil }
    defer { natsMsg_Destroy(message) }
    return Self.message(message)
  }

  private static func message(_ message: OpaquePointer) -> Message {
    let bytes = UnsafeRawBufferPointer(start: natsMsg_GetData(message), count: Int(natsMsg_GetDataLength(message)))
    func header(_ name: String) -> String? {
      var value: UnsafePointer<CChar>?
      return natsMsgHeader_Get(message, name, &value) == NATS_OK ? value.map { String(cString: $0) } : nil
    }
    return Message(
      subject: String(cString: natsMsg_GetSubject(message)), body: String(decoding: bytes, as: UTF8.self),
      id: header("Nats-Msg-Id"), contentType: header("content-type"))
  }
}
