internal import Engine
internal import Events
internal import LogStorage
internal import Platform
internal import Scripts

/// One HTTP request, ready to be sent.
struct HTTPOrder {
  var method: String
  var url: String
  var headers = Headers()
  var body: [UInt8]
  /// The answer goes back to the script.
  let wantsReply: Bool
  /// Says where it goes without saying any secret.
  let shownTarget: String
  /// Whether the address comes from the message or a document, so that nothing but them can correct it.
  let isAddressFromFields: Bool
  let secrets: Secrets

  /// - Throws: what stands in the way, without secrets.
  init(_ parcel: Parcel, to place: DestinationDeclaration.HTTPPlace, in surroundings: Surroundings)
    throws(DeliveryFailure)
  {
    let request = try parcel.request?.get()
    var filling = Filling(parcel, in: surroundings)
    wantsReply = request != nil
    method = request?.method ?? place.method
    url = try filling.text(place.url, as: .address)
    shownTarget = place.url.description
    isAddressFromFields = !place.url.isWithoutFields
    body = Envelope.body(of: parcel, from: surroundings.identity.name)
    if let request { try Self.complete(&url, with: request) }
    guard Self.isMethod(method) else { throw DeliveryFailure(.impossible, "\"\(method)\" is no method of HTTP") }

    var contentType = Envelope.isCloudEvent(parcel) ? "application/cloudevents+json" : "application/json"
    if let request, request.isForm {
      let pairs =
        body.isEmpty
        ? []
        : try body.withBytes { bytes throws(DeliveryFailure) in
          try RequestOrder.pairs(bytes, of: "form")
        }
      body = Array(PercentEncoding.pairs(pairs).utf8)
      contentType = "application/x-www-form-urlencoded"
    }
    if !body.isEmpty { headers.set("content-type", contentType) }
    headers.set("user-agent", "moondance/\(surroundings.settings.version)")
    for header in place.headers {
      headers.set(header.name, try Headers.checked(filling.text(header.value), of: header.name))
    }
    try headers.add(of: parcel.attempt.message)
    headers.set("idempotency-key", try Headers.checked(request?.key ?? parcel.id, of: "idempotency-key"))
    if let sign = place.sign {
      let secret = try filling.text(sign)
      let timestamp = surroundings.clock.wallMicroseconds() / 1_000_000
      headers.set("webhook-id", parcel.id)
      headers.set("webhook-timestamp", "\(timestamp)")
      headers.set(
        "webhook-signature",
        parcel.attempt.destination.each == nil
          ? WebhookSignature.header(secrets: secret, id: parcel.id, timestamp: timestamp, body: body)
          : WebhookSignature.header(
            master: secret, target: parcel.attempt.message.subject.text, id: parcel.id, timestamp: timestamp, body: body
          ))
    }
    secrets = filling.secrets
  }

  /// Puts the request's path and query into the destination's address.
  private static func complete(_ url: inout String, with request: RequestOrder) throws(DeliveryFailure) {
    var base = Substring(url)
    var query: [Substring] = []
    if let mark = base.firstIndex(of: "?") {
      query.append(base[base.index(after: mark)...])
      base = base[..<mark]
    }
    if let path = request.path, !path.isEmpty {
      guard !path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }),
        !path.utf8.contains(where: Filling.isControl)
      else { throw DeliveryFailure(.impossible, "the request's path cannot be \"\(path.prefix(100))\"") }
      while base.hasSuffix("/") { base.removeLast() }
      base += (path.hasPrefix("/") ? "" : "/") + PercentEncoding.encoded(path: path)
    }
    if !request.query.isEmpty { query.append(Substring(PercentEncoding.pairs(request.query))) }
    url = base + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
  }

  private static func isMethod(_ text: String) -> Bool {
    (1...20).contains(text.utf8.count) && text.utf8.allSatisfy { (0x41...0x5a).contains($0) || $0 == UInt8(ascii: "-") }
  }
}
