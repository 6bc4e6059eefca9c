internal import CCurl
internal import Engine
internal import Platform
internal import Scripts

/// All HTTP of a courier, on one thread: libcurl holds the connections, keeps them alive and uses them again.
///
/// What goes to addresses from documents has a lane of its own: a connection that is used again is not looked at again,
/// and a destination's own address may well be private.
final class HTTPLane: QueueLane {
  let queue: LaneQueue
  let thread: LaneThread

  init(checksAddresses: Bool, in surroundings: Surroundings) {
    let multi = Multi()
    let queue = LaneQueue { multi.wake() }
    self.queue = queue
    thread = LaneThread(name: checksAddresses ? "deliver-each" : "deliver-http") {
      HTTPThread(multi, queue, checksAddresses: checksAddresses, in: surroundings).run()
    }
  }
}

/// libcurl's handle for many transfers.
///
/// `@unchecked Sendable`: the lane's thread uses it; others only wake it, which libcurl allows.
private final class Multi: @unchecked Sendable {
  let handle: UnsafeMutableRawPointer
  /// Connections that are kept for later, of all destinations together.
  private static let keptConnections = 256
  private static let isInitialized: Void = {
    curl_global_init(Int(CURL_GLOBAL_DEFAULT))
  }()

  init() {
    Self.isInitialized
    guard let handle = curl_multi_init() else { fatalError("libcurl gives no handle: out of memory") }
    self.handle = handle
    moondance_curl_set_multi_number(handle, CURLMOPT_MAXCONNECTS, Self.keptConnections)
  }

  deinit { curl_multi_cleanup(handle) }

  func wake() { curl_multi_wakeup(handle) }
}

/// What the lane's thread does.
private final class HTTPThread {
  private let multi: Multi
  private let queue: LaneQueue
  private let checksAddresses: Bool
  private let surroundings: Surroundings
  private var transfers: [UnsafeMutableRawPointer: HTTPTransfer] = [:]
  /// Handles without a transfer.
  private var free: [UnsafeMutableRawPointer] = []

  /// When nothing happens; every event wakes it before.
  private static let lookMilliseconds: Int32 = 1000

  init(_ multi: Multi, _ queue: LaneQueue, checksAddresses: Bool, in surroundings: Surroundings) {
    (self.multi, self.queue, self.checksAddresses, self.surroundings) = (multi, queue, checksAddresses, surroundings)
  }

  func run() {
    while !queue.isOver {
      for parcel in queue.take() { begin(parcel) }
      var running: Int32 = 0
      curl_multi_perform(multi.handle, &running)
      endFinished()
      curl_multi_poll(multi.handle, nil, 0, Self.lookMilliseconds, nil)
    }
    // The watch has answered them all; what they sent so far may have arrived or not.
    for easy in transfers.keys {
      curl_multi_remove_handle(multi.handle, easy)
      curl_easy_cleanup(easy)
    }
    for easy in free { curl_easy_cleanup(easy) }
    queue.endAll()
  }

  private func begin(_ parcel: Parcel) {
    let now = surroundings.clock.monotonicNanoseconds()
    guard parcel.mayBeSent(at: now), case .http(let place) = parcel.attempt.destination.place else { return }
    let order: HTTPOrder
    do throws(DeliveryFailure) {
      order = try HTTPOrder(parcel, to: place, in: surroundings)
    } catch {
      return parcel.end(.failed(error))
    }
    let transfer = HTTPTransfer(
      parcel, order, checksAddresses: checksAddresses,
      allowsPrivateTargets: surroundings.settings.allowsPrivateTargets)
    guard let easy = free.popLast() ?? curl_easy_init() else { fatalError("libcurl gives no handle: out of memory") }
    transfer.configure(
      easy, milliseconds: max(1, Int((parcel.deadline - now) / 1_000_000)), settings: surroundings.settings)
    transfers[easy] = transfer
    curl_multi_add_handle(multi.handle, easy)
  }

  private func endFinished() {
    var result = CURLE_OK
    while let easy = moondance_curl_ended(multi.handle, &result) {
      guard let transfer = transfers.removeValue(forKey: easy) else { continue }
      let outcome = transfer.outcome(result, easy)
      curl_multi_remove_handle(multi.handle, easy)
      curl_easy_reset(easy)
      free.append(easy)
      transfer.parcel.end(outcome)
    }
  }
}
