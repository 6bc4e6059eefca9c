internal import Engine
internal import LogStorage
internal import Scripts

/// One message, ready to be published.
struct NATSMail {
  let subject: String
  var headers = Headers()
  let body: [UInt8]

  /// - Throws: what stands in the way, without secrets.
  init(
    _ parcel: Parcel, to place: DestinationDeclaration.NATSPlace, in surroundings: Surroundings,
    _ secrets: inout Secrets
  ) throws(DeliveryFailure) {
    if parcel.request != nil {
      throw DeliveryFailure(.impossible, "NATS gives no answers: a request goes to a destination with http")
    }
    var filling = Filling(parcel, in: surroundings)
    subject = try filling.text(place.subject)
    secrets = filling.secrets
    guard Self.isSubject(subject) else {
      throw DeliveryFailure(
        .impossible,
        "\"\(secrets.scrub(String(subject.prefix(200))))\" is no subject: parts with dots between them, without spaces"
          + ", \"*\" and \">\"")
    }
    body = Envelope.body(of: parcel, from: surroundings.identity.name)
    headers.set("nats-msg-id", parcel.id)
    headers.set("content-type", Envelope.isCloudEvent(parcel) ? "application/cloudevents+json" : "application/json")
    try headers.add(of: parcel.attempt.message)
  }

  private static func isSubject(_ text: String) -> Bool {
    text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty
        && part.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "*") && $0 != UInt8(ascii: ">") }
    }
  }
}
