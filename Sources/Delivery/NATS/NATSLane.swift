internal import CNATS
internal import Engine
internal import Platform
internal import Scripts

/// Publishes messages to one NATS server, or cluster of them, on one thread.
///
/// Core NATS: all that waits is published and then flushed, and is answered when the server has answered the flush.
/// JetStream: all that waits is published at once, and each message is answered by its own acknowledgement.
final class NATSLane: QueueLane {
  let queue: LaneQueue
  let thread: LaneThread

  init(url: Template, isStream: Bool, in surroundings: Surroundings) {
    let bell = Doorbell()
    let queue = LaneQueue { bell.ring() }
    self.queue = queue
    thread = LaneThread(name: "deliver-nats") {
      NATSThread(url, isStream: isStream, in: surroundings, bell).run(queue)
    }
  }
}

/// What the lane's thread does.
private final class NATSThread {
  private let url: Template
  private let isStream: Bool
  private let surroundings: Surroundings
  private let bell: Doorbell
  private var link: NATSLink?

  /// How long a connection is kept that nobody needs.
  private static let keptNanoseconds: UInt64 = 60_000_000_000

  init(_ url: Template, isStream: Bool, in surroundings: Surroundings, _ bell: Doorbell) {
    (self.url, self.isStream, self.surroundings, self.bell) = (url, isStream, surroundings, bell)
  }

  func run(_ queue: LaneQueue) {
    while !queue.isOver {
      let parcels = queue.take()
      if parcels.isEmpty { rest() } else { publish(parcels) }
      lookAfterLink()
    }
    end(link?.abandon() ?? [], .stopping)
    link = nil
    queue.endAll()
  }

  private var now: UInt64 { surroundings.clock.monotonicNanoseconds() }

  /// Waits for parcels, the loss of the connection, or the next deadline.
  private func rest() {
    guard let link else { return _ = bell.wait() }
    if let deadline = link.nextDeadline {
      bell.wait(until: deadline)
    } else if !bell.wait(until: now + Self.keptNanoseconds), link.nextDeadline == nil {
      self.link = nil
    }
  }

  /// Gives up the connection when it is lost, or when an acknowledgement is overdue: what has not been sent by then
  /// must not be sent later. Bytes that the system has taken already may still arrive; the stream then knows their id.
  private func lookAfterLink() {
    guard let link else { return }
    let isLate = link.nextDeadline.map { $0 <= now } ?? false
    if link.isConnected && !isLate { return }
    for parcel in link.abandon() {
      var secrets = Secrets()
      if case .nats(let place) = parcel.attempt.destination.place,
        let mail = try? NATSMail(parcel, to: place, in: surroundings, &secrets), link.isForbidden(mail.subject)
      {
        parcel.end(.failed(Self.forbidden(mail, secrets)))
      } else {
        parcel.end(.failed(isLate ? parcel.late : Self.lost))
      }
    }
    self.link = nil
  }

  private static let lost = DeliveryFailure(.unavailable, "the connection to the NATS server breaks")

  private static func forbidden(_ mail: NATSMail, _ secrets: Secrets) -> DeliveryFailure {
    DeliveryFailure(.refused, secrets.scrub("the NATS server permits nobody like us to publish on \"\(mail.subject)\""))
  }

  private func end(_ parcels: [Parcel], _ failure: DeliveryFailure) {
    for parcel in parcels { parcel.end(.failed(failure)) }
  }

  private typealias Item = (parcel: Parcel, mail: NATSMail, secrets: Secrets)

  private func publish(_ parcels: [Parcel]) {
    let items = ready(parcels)
    guard let last = items.map(\.parcel.deadline).max() else { return }
    let link: NATSLink
    do throws(DeliveryFailure) {
      link = try connected(items[0].parcel, until: last)
    } catch {
      return end(items.map(\.parcel), error)
    }
    // Connecting may have taken so long that some were answered: they shall not be sent any more.
    let connectedAt = now
    var published: [Item] = []
    for item in items where item.parcel.mayBeSent(at: connectedAt) {
      do throws(DeliveryFailure) {
        try publish(item.mail, of: item.parcel, link)
        published.append(item)
      } catch {
        item.parcel.end(.failed(error))
      }
    }
    if isStream || published.isEmpty { return }
    do throws(NATSLink.Failure) {
      try link.flush(milliseconds: milliseconds(until: last))
    } catch {
      // The server may have some of them; nobody knows which.
      self.link = nil
      return end(
        published.map(\.parcel), DeliveryFailure(.unavailable, "the NATS server does not answer: \(error.text)"))
    }
    for item in published {
      if link.isForbidden(item.mail.subject) {
        // The next connection begins without the server's last error.
        self.link = nil
        item.parcel.end(.failed(Self.forbidden(item.mail, item.secrets)))
      } else {
        item.parcel.end(.delivered(nil))
      }
    }
  }

  /// Those that can be sent, with what is sent; the others are ended.
  private func ready(_ parcels: [Parcel]) -> [Item] {
    let start = now
    var items: [Item] = []
    for parcel in parcels where parcel.mayBeSent(at: start) {
      guard case .nats(let place) = parcel.attempt.destination.place else { continue }
      do throws(DeliveryFailure) {
        var secrets = Secrets()
        let mail = try NATSMail(parcel, to: place, in: surroundings, &secrets)
        items.append((parcel, mail, secrets))
      } catch {
        parcel.end(.failed(error))
      }
    }
    return items
  }

  private func publish(_ mail: NATSMail, of parcel: Parcel, _ link: NATSLink) throws(DeliveryFailure) {
    do throws(NATSLink.Failure) {
      if isStream { try link.publish(mail, of: parcel) } else { try link.publish(mail) }
    } catch {
      let isTooLarge = error.status == NATS_MAX_PAYLOAD
      throw DeliveryFailure(
        isTooLarge ? .refused : .unavailable,
        isTooLarge ? "the message is larger than the NATS server takes" : "the NATS server takes nothing: \(error.text)"
      )
    }
  }

  private func milliseconds(until deadline: UInt64) -> Int64 {
    let now = now
    return deadline > now ? Int64((deadline - now) / 1_000_000) : 0
  }

  /// The connection that is there, or a new one.
  private func connected(_ parcel: Parcel, until deadline: UInt64) throws(DeliveryFailure) -> NATSLink {
    guard url.isWithoutFields else {
      throw DeliveryFailure(.impossible, "\(url) has fields in it: the address of a server is text and {env:…} only")
    }
    var filling = Filling(parcel, in: surroundings)
    let address = try filling.text(url)
    if let link, link.isConnected, link.url == address { return link }
    lookAfterLink()
    end(link?.abandon() ?? [], Self.lost)
    link = nil
    let bell = bell
    do throws(NATSLink.Failure) {
      let made = try NATSLink(
        address, isStream: isStream, certificates: surroundings.settings.certificates,
        milliseconds: milliseconds(until: deadline)
      ) { bell.ring() }
      link = made
      return made
    } catch {
      throw DeliveryFailure(.unavailable, filling.secrets.scrub("no connection to \(url): \(error.text)"))
    }
  }
}
