internal import CNATS
internal import Engine
internal import Glibc
internal import Synchronization

/// One life of a connection with a NATS server. libnats is told never to connect again by itself: a connection that is
/// lost takes with it all that it has not sent, so nothing can go out that its sender has been told did not.
///
/// `@unchecked Sendable`: the lane's thread alone uses the handles; libnats's threads touch the pending messages only,
/// under their lock.
final class NATSLink: @unchecked Sendable {
  /// What was connected to.
  let url: String
  private let connection: OpaquePointer
  private let stream: OpaquePointer?
  private let number: Int
  /// Those that the stream has not acknowledged, by the address of libnats's message.
  private let pending = Mutex<[UInt: Parcel]>([:])

  /// Why something did not work out.
  struct Failure: Error {
    let status: natsStatus
    /// In libnats's own words, which name no server.
    var text: String { String(cString: natsStatus_GetText(status)) }
  }

  /// - Parameters:
  ///   - url: one, or several with commas between them; `tls://` for an encrypted connection.
  ///   - changed: called on a thread of libnats when the connection is lost.
  init(
    _ url: String, isStream: Bool, certificates: String?, milliseconds: Int64, changed: @escaping @Sendable () -> Void
  ) throws(Failure) {
    self.url = url
    number = NATSLinks.add(changed)
    var options: OpaquePointer?
    var connection: OpaquePointer?
    var stream: OpaquePointer?
    do throws(Failure) {
      try Self.check(natsOptions_Create(&options))
      defer { natsOptions_Destroy(options) }
      try Self.configure(options!, url, certificates, milliseconds, number)
      try Self.check(natsConnection_Connect(&connection, options))
      if isStream { stream = try Self.stream(of: connection!, number) }
    } catch {
      natsConnection_Destroy(connection)
      NATSLinks.remove(number)
      throw error
    }
    (self.connection, self.stream) = (connection!, stream)
    NATSLinks.set(self, number)
  }

  deinit {
    NATSLinks.remove(number)
    // What was acknowledged meanwhile comes to nobody, and everything unsent is gone.
    jsCtx_Destroy(stream)
    natsConnection_Destroy(connection)
  }

  private static func configure(
    _ options: OpaquePointer, _ url: String, _ certificates: String?, _ milliseconds: Int64, _ number: Int
  ) throws(Failure) {
    var servers = url.split(separator: ",").map { $0.filter { $0 != " " } }
    if let first = servers.first, first.hasPrefix("tls://") {
      try check(natsOptions_SetSecure(options, true))
      let authority = first.dropFirst(6).prefix { $0 != "/" && $0 != "?" }
      let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? authority
      let host = place.hasPrefix("[") ? place.dropFirst().prefix { $0 != "]" } : place.prefix { $0 != ":" }
      try check(natsOptions_SetExpectedHostname(options, String(host)))
      if let certificates { try check(natsOptions_LoadCATrustedCertificates(options, certificates)) }
      servers = servers.map { $0.hasPrefix("tls://") ? "nats://" + $0.dropFirst(6) : $0 }
    }
    let texts = servers.map { UnsafePointer(strdup($0)) }
    defer { for text in texts { free(UnsafeMutableRawPointer(mutating: text)) } }
    var list = texts
    try check(natsOptions_SetServers(options, &list, Int32(list.count)))
    try check(natsOptions_SetName(options, "moondance"))
    try check(natsOptions_SetTimeout(options, max(1, milliseconds)))
    try check(natsOptions_SetAllowReconnect(options, false))
    // A socket that takes nothing any more holds nobody longer than an attempt may last.
    try check(natsOptions_SetWriteDeadline(options, max(1, milliseconds)))
    try check(natsOptions_SetPingInterval(options, 10_000))
    try check(natsOptions_SetMaxPingsOut(options, 2))
    let context = UnsafeMutableRawPointer(bitPattern: number)
    try check(natsOptions_SetClosedCB(options, { _, context in NATSLinks.changed(Int(bitPattern: context)) }, context))
    // Errors are looked at where they matter; without a handler libnats prints them.
    try check(natsOptions_SetErrorHandler(options, { _, _, _, _ in }, nil))
  }

  private static func stream(of connection: OpaquePointer, _ number: Int) throws(Failure) -> OpaquePointer {
    var options = jsOptions()
    try check(jsOptions_Init(&options))
    options.PublishAsync.AckHandlerClosure = UnsafeMutableRawPointer(bitPattern: number)
    options.PublishAsync.AckHandler = { _, message, acknowledgement, failure, context in
      if let link = NATSLinks.find(Int(bitPattern: context)), let message {
        link.answered(message, isStored: acknowledgement != nil, failure?.pointee)
      }
      natsMsg_Destroy(message)
    }
    var stream: OpaquePointer?
    try check(natsConnection_JetStream(&stream, connection, &options))
    return stream!
  }

  private static func check(_ status: natsStatus) throws(Failure) {
    if status != NATS_OK { throw Failure(status: status) }
  }

  var isConnected: Bool { natsConnection_Status(connection) == NATS_CONN_STATUS_CONNECTED }

  // MARK: Publishing

  /// Hands a message to core NATS; it is with the server after `flush`.
  func publish(_ mail: NATSMail) throws(Failure) {
    let message = try Self.message(mail)
    defer { natsMsg_Destroy(message) }
    try Self.check(natsConnection_PublishMsg(connection, message))
  }

  /// Returns when the server has taken all that was published before.
  func flush(milliseconds: Int64) throws(Failure) {
    try Self.check(natsConnection_FlushTimeout(connection, max(1, milliseconds)))
  }

  /// Hands a message to the stream of its subject; `parcel` ends when the stream has acknowledged or refused it.
  func publish(_ mail: NATSMail, of parcel: Parcel) throws(Failure) {
    var message: OpaquePointer? = try Self.message(mail)
    let address = UInt(bitPattern: message)
    pending.withLock { $0[address] = parcel }
    let status = js_PublishMsgAsync(stream, &message, nil)
    if status == NATS_OK { return }
    _ = pending.withLock { $0.removeValue(forKey: address) }
    natsMsg_Destroy(message)
    throw Failure(status: status)
  }

  private static func message(_ mail: NATSMail) throws(Failure) -> OpaquePointer {
    var message: OpaquePointer?
    let status = mail.body.withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { bytes in
        natsMsg_Create(&message, mail.subject, nil, bytes.baseAddress, Int32(bytes.count))
      }
    }
    try check(status)
    for header in mail.headers.fields {
      let status = natsMsgHeader_Set(message, header.name == "nats-msg-id" ? "Nats-Msg-Id" : header.name, header.value)
      if status == NATS_OK { continue }
      natsMsg_Destroy(message)
      throw Failure(status: status)
    }
    return message!
  }

  private func answered(_ message: OpaquePointer, isStored: Bool, _ failure: jsPubAckErr?) {
    let parcel = pending.withLock { $0.removeValue(forKey: UInt(bitPattern: message)) }
    guard let parcel else { return }
    // A stream that has it already says so, and it is stored all the same.
    if isStored { return parcel.end(.delivered(nil)) }
    let status = failure?.Err ?? NATS_ERR
    let subject = String(cString: natsMsg_GetSubject(message))
    parcel.end(.failed(Self.refusal(status, failure?.ErrText.map { String(cString: $0) }, subject)))
  }

  private static func refusal(_ status: natsStatus, _ text: String?, _ subject: String) -> DeliveryFailure {
    switch status {
    case NATS_NO_RESPONDERS: DeliveryFailure(.refused, "no stream takes the subject \"\(subject)\"")
    case NATS_TIMEOUT, NATS_CONNECTION_CLOSED, NATS_CONNECTION_DISCONNECTED, NATS_IO_ERROR:
      DeliveryFailure(.unavailable, String(cString: natsStatus_GetText(status)))
    default:
      DeliveryFailure(.refused, "JetStream says: \(text ?? String(cString: natsStatus_GetText(status)))")
    }
  }

  // MARK: What is pending

  /// When the first of the pending ones is too late (monotonic nanoseconds).
  var nextDeadline: UInt64? { pending.withLock { $0.values.lazy.map(\.deadline).min() } }

  /// Takes over those that were never acknowledged.
  func abandon() -> [Parcel] {
    pending.withLock { pending in
      defer { pending = [:] }
      return Array(pending.values)
    }
  }

  /// Whether the server has said that nothing may be published on `subject`. It says that of core NATS before it
  /// answers the flush behind the message, and of a stream instead of any answer.
  func isForbidden(_ subject: String) -> Bool {
    var text: UnsafePointer<CChar>?
    guard natsConnection_GetLastError(connection, &text) == NATS_NOT_PERMITTED, let text else { return false }
    return String(cString: text).contains("\"\(subject)\"")
  }
}

/// Finds the link that a callback of libnats belongs to, as long as it is there: a callback may come after its end.
private enum NATSLinks {
  private struct Entry {
    var changed: @Sendable () -> Void
    weak var link: NATSLink?
  }

  private struct State {
    var entries: [Int: Entry] = [:]
    var last = 0
  }

  private static let state = Mutex(State())

  /// Never 0, as libnats passes it as a pointer.
  static func add(_ changed: @escaping @Sendable () -> Void) -> Int {
    state.withLock { state in
      state.last += 1
      state.entries[state.last] = Entry(changed: changed)
      return state.last
    }
  }

  static func set(_ link: NATSLink, _ number: Int) { state.withLock { $0.entries[number]?.link = link } }

  static func remove(_ number: Int) { state.withLock { $0.entries[number] = nil } }

  static func find(_ number: Int) -> NATSLink? { state.withLock { $0.entries[number]?.link } }

  static func changed(_ number: Int) { state.withLock { $0.entries[number]?.changed }?() }
}
