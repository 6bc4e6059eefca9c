import Delivery
import Engine
import Events
import Platform
import Scripts
import Synchronization
import TestKit

@testable import LogStorage

/// A courier and the messages that a test gives it.
final class Dispatch: Sendable {
  let courier: Courier
  let folder = TemporaryFolder()
  let documents = MemoryDocuments()
  private let framer: Mutex<CommitFramer>

  static let identity = LogIdentity(
    id: LogID(high: 0xfeed, low: 0xbeef), name: "moondance:test", clockMode: .host, limits: LogLimits())
  static let idPrefix = "000000000000feed000000000000beef-"

  init(files: (any FileSystem)? = nil, _ change: (inout CourierSettings) -> Void = { _ in }) {
    var settings = CourierSettings(version: "9.8.7")
    if let files { settings.files = files }
    change(&settings)
    let variables = Variables()
    self.variables = variables
    framer = Mutex(CommitFramer(identity: Self.identity, epoch: 1, next: .start))
    courier = Courier(
      settings: settings, identity: Self.identity, outboxFolder: files == nil ? "\(folder.path)/outbox" : "outbox",
      environment: { name in variables.values.withLock { $0[name] } }, documents: documents)
  }

  private let variables: Variables

  private final class Variables: Sendable {
    let values = Mutex<[String: String]>([:])
  }

  func set(_ name: String, _ value: String?) { variables.values.withLock { $0[name] = value } }

  func get(_ name: String) -> String? { variables.values.withLock { $0[name] } }

  /// The attributes of a message.
  struct Attributes {
    var about: String? = "OrderPlaced"
    var sender: String? = "order-1"
    var headers: String?
    var request: String?
    var traceparent: String?
  }

  /// An attempt to deliver a message of the next position.
  func attempt(
    _ destination: DestinationDeclaration, key: String = "k", body: String = #"{"n":1}"#, name: String = "warehouse",
    _ attributes: Attributes = Attributes()
  ) -> DeliveryAttempt {
    let batch = EntryBatch(hash: Self.identity.hash)
    let texts = [name, key, body].map { Array($0.utf8) }
    texts[0].withUnsafeBytes { name in
      texts[1].withUnsafeBytes { key in
        texts[2].withUnsafeBytes { body in
          batch.begin(kind: .message, type: name, subject: key, data: body, encoding: .json)
        }
      }
    }
    let given: [(AttributeName, String?)] = [
      (.about, attributes.about), (.sender, attributes.sender), (.headers, attributes.headers),
      (.request, attributes.request), (.traceparent, attributes.traceparent),
    ]
    for (attribute, value) in given {
      guard let value else { continue }
      Array(value.utf8).withUnsafeBytes { batch.addAttribute(attribute, $0) }
    }
    batch.end()
    let (chunk, position) = framer.withLock { framer in
      framer.beginGroup()
      framer.beginCommit(producer: .reader(1), generation: 1, time: 1_782_898_200_000_000, durable: 0)
      let position = framer.append(batch)
      framer.endCommit()
      return (framer.endGroup(), position)
    }
    return DeliveryAttempt(
      reader: 1, name: name, destination: destination, position: position.rawValue, attempt: 1,
      recorded: 1_782_898_200_000_000, chunk: chunk)
  }

  func deliver(_ attempt: DeliveryAttempt) async -> DeliveryOutcome {
    await withCheckedContinuation { continuation in
      courier.deliver(attempt) { continuation.resume(returning: $0) }
    }
  }

  func deliver(
    _ destination: DestinationDeclaration, key: String = "k", body: String = #"{"n":1}"#, name: String = "warehouse",
    _ attributes: Attributes = Attributes()
  ) async -> DeliveryOutcome {
    await deliver(attempt(destination, key: key, body: body, name: name, attributes))
  }

  /// µs since 1970.
  var now: Int64 { SystemClock().wallMicroseconds() }

  func stop() { courier.stop(grace: .zero) }
}

/// The documents of one projection, "hooks".
final class MemoryDocuments: TargetDocuments {
  let byKey = Mutex<[String: String]>([:])

  struct Broken: Error {}

  func document(of projection: String, key: String) throws -> [UInt8]? {
    if projection != "hooks" { throw Broken() }
    return byKey.withLock { $0[key] }.map { Array($0.utf8) }
  }

  func set(_ key: String, _ document: String?) { byKey.withLock { $0[key] = document } }
}

extension DeliveryOutcome {
  var isDelivered: Bool {
    if case .delivered = self { return true }
    return false
  }

  var failure: DeliveryFailure? {
    if case .failed(let failure) = self { return failure }
    return nil
  }

  var reply: DeliveryReply? {
    if case .delivered(let reply) = self { return reply }
    return nil
  }

  /// "refused: …"
  var text: String { failure.map { "\($0.kind): \($0.message)" } ?? "delivered" }
}

extension DestinationDeclaration {
  /// - Parameters url, headers, sign: templates.
  static func http(
    _ url: String, headers: [String: String] = [:], sign: String? = nil, body: Body = .own, each: String? = nil,
    timeout: Int64 = 10_000_000
  ) throws -> DestinationDeclaration {
    let fields = try headers.map { Header(name: $0.key, value: try Template(parsing: $0.value)) }
    let place = HTTPPlace(
      url: try Template(parsing: url), headers: fields, sign: try sign.map { try Template(parsing: $0) })
    return DestinationDeclaration(place: .http(place), body: body, timeout: timeout, each: each)
  }

  static func file(_ name: String, body: Body = .own) -> DestinationDeclaration {
    DestinationDeclaration(place: .file(name), body: body)
  }
}
