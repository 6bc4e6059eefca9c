internal import CCurl
internal import Engine
internal import Events
internal import Glibc
internal import Scripts

/// One request on its way through libcurl. Its callbacks run on the lane's thread, inside libcurl.
final class HTTPTransfer {
  let parcel: Parcel
  private let order: HTTPOrder
  private var answer: HTTPAnswer
  private let checksAddresses: Bool
  /// Only public addresses, and only with TLS.
  private let isStrict: Bool
  /// Where a connection was about to go that is not public.
  private var hasRefusedAddress = false
  private var hasConnected = false
  private var fields: UnsafeMutablePointer<curl_slist>?

  init(_ parcel: Parcel, _ order: HTTPOrder, checksAddresses: Bool, allowsPrivateTargets: Bool) {
    isStrict = checksAddresses && !allowsPrivateTargets
    (self.parcel, self.order, self.checksAddresses) = (parcel, order, checksAddresses)
    answer = HTTPAnswer(wantsReply: order.wantsReply)
  }

  deinit { curl_slist_free_all(fields) }

  /// - Parameter milliseconds: what is left of the attempt's time.
  func configure(_ easy: UnsafeMutableRawPointer, milliseconds: Int, settings: CourierSettings) {
    moondance_curl_set_text(easy, CURLOPT_URL, order.url)
    // A document names a machine that we know nothing of: nobody shall listen to what is told to it.
    moondance_curl_set_text(easy, CURLOPT_PROTOCOLS_STR, isStrict ? "https" : "http,https")
    moondance_curl_set_number(easy, CURLOPT_FOLLOWLOCATION, 0)
    moondance_curl_set_number(easy, CURLOPT_NOSIGNAL, 1)
    // A name server that does not answer must not hold the thread when a transfer ends; libcurl would wait for it.
    moondance_curl_set_number(easy, CURLOPT_QUICK_EXIT, 1)
    moondance_curl_set_number(easy, CURLOPT_PATH_AS_IS, 1)
    moondance_curl_set_number(easy, CURLOPT_TCP_KEEPALIVE, 1)
    moondance_curl_set_number(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    moondance_curl_set_number(easy, CURLOPT_TIMEOUT_MS, milliseconds)
    moondance_curl_set_number(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds)
    if let file = settings.certificates { moondance_curl_set_text(easy, CURLOPT_CAINFO, file) }
    // A proxy would connect for us, to an address that nobody has looked at.
    if checksAddresses || isLocal { moondance_curl_set_text(easy, CURLOPT_PROXY, "") }
    configureBody(easy)
    var lines = order.headers.fields.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
    // Waiting for leave to send costs a round trip, or a second with those who do not know of it.
    lines.append("expect:")
    if order.body.isEmpty { lines.append("content-type:") }
    fields = lines.reduce(nil) { curl_slist_append($0, $1) }
    moondance_curl_set_pointer(easy, CURLOPT_HTTPHEADER, fields)
    configureCallbacks(easy)
  }

  private func configureBody(_ easy: UnsafeMutableRawPointer) {
    if order.method == "HEAD" {
      moondance_curl_set_number(easy, CURLOPT_NOBODY, 1)
    } else if !order.body.isEmpty || ["POST", "PUT", "PATCH"].contains(order.method) {
      moondance_curl_set_number(easy, CURLOPT_POST, 1)
      moondance_curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, order.body.count)
      var body = order.body
      if body.isEmpty { body = [0] }
      body.withUnsafeMutableBytes { _ = moondance_curl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) }
    }
    moondance_curl_set_text(easy, CURLOPT_CUSTOMREQUEST, order.method)
  }

  private func configureCallbacks(_ easy: UnsafeMutableRawPointer) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    moondance_curl_set_pointer(easy, CURLOPT_PRIVATE, context)
    moondance_curl_set_pointer(easy, CURLOPT_WRITEDATA, context)
    moondance_curl_set_bytes(easy, CURLOPT_WRITEFUNCTION) { bytes, _, count, context in
      let transfer = Unmanaged<HTTPTransfer>.fromOpaque(context!).takeUnretainedValue()
      return transfer.answer.take(body: UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
    }
    moondance_curl_set_pointer(easy, CURLOPT_HEADERDATA, context)
    moondance_curl_set_bytes(easy, CURLOPT_HEADERFUNCTION) { bytes, _, count, context in
      let transfer = Unmanaged<HTTPTransfer>.fromOpaque(context!).takeUnretainedValue()
      return transfer.answer.take(head: UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
    }
    moondance_curl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, context)
    moondance_curl_set_socket(easy) { context, _, address in
      Unmanaged<HTTPTransfer>.fromOpaque(context!).takeUnretainedValue().socket(to: address)
    }
  }

  /// libcurl connects this socket to the very address that is looked at here, so that no later answer of a name server
  /// counts.
  private func socket(to address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
    let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr)!
    let target = (UnsafeRawPointer(address) + offset).assumingMemoryBound(to: sockaddr.self)
    guard !isStrict || PublicAddress.isPublic(target) else {
      hasRefusedAddress = true
      return curl_socket_t(moondance_curl_bad_socket)
    }
    hasConnected = true
    let cloexec = Int32(SOCK_CLOEXEC.rawValue)
    return Glibc.socket(address.pointee.family, address.pointee.socktype | cloexec, address.pointee.protocol)
  }

  private var isLocal: Bool {
    ["://127.", "://localhost", "://[::1]"].contains { order.url.lowercased().contains($0) }
  }

  /// - Parameter easy: the handle, which still knows the transfer.
  func outcome(_ result: CURLcode, _ easy: UnsafeMutableRawPointer) -> DeliveryOutcome {
    if result == CURLE_OK || answer.isEnough { return answer.outcome(of: order) }
    if answer.isTooLong {
      return .failed(failure(.impossible, "the answer is longer than 256 KiB, or its head than 64 KiB"))
    }
    return .failed(failure(of: result, easy))
  }

  private func failure(of result: CURLcode, _ easy: UnsafeMutableRawPointer) -> DeliveryFailure {
    if hasRefusedAddress {
      return failure(.unavailable, "its address is not a public one, and an address from a document must be")
    }
    switch result {
    case CURLE_URL_MALFORMAT: return badAddress("this gives no address that can be read")
    case CURLE_UNSUPPORTED_PROTOCOL where !hasConnected:
      return badAddress("an address begins with https://" + (isStrict ? "" : " or http://"))
    case CURLE_OPERATION_TIMEDOUT: return failure(.unavailable, parcel.late.message)
    case CURLE_COULDNT_RESOLVE_HOST: return failure(.unavailable, "the name of its host is not found")
    case CURLE_COULDNT_RESOLVE_PROXY: return failure(.unavailable, "the name of the proxy is not found")
    case CURLE_COULDNT_CONNECT: return failure(.unavailable, "no connection: \(Self.systemReason(easy))")
    case CURLE_PEER_FAILED_VERIFICATION:
      return failure(.unavailable, "its certificate is not accepted: \(Self.certificateReason(easy))")
    case CURLE_SSL_CONNECT_ERROR: return failure(.unavailable, "no TLS connection comes about")
    case CURLE_GOT_NOTHING: return failure(.unavailable, "the connection is closed without an answer")
    case CURLE_PARTIAL_FILE: return failure(.unavailable, "the answer is cut off")
    case CURLE_SEND_ERROR, CURLE_RECV_ERROR: return failure(.unavailable, "the connection breaks")
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL:
      return failure(.unavailable, "what answers there does not speak HTTP")
    default: return failure(.unavailable, String(cString: curl_easy_strerror(result)))
    }
  }

  /// Only a message or its document can correct an address that is made of them; else the environment or the script
  /// can.
  private func badAddress(_ reason: String) -> DeliveryFailure {
    failure(order.isAddressFromFields && !checksAddresses ? .impossible : .unavailable, reason)
  }

  private func failure(_ kind: DeliveryFailure.Kind, _ reason: String) -> DeliveryFailure {
    DeliveryFailure(kind, order.secrets.scrub("\(order.method) \(order.shownTarget): \(reason)"))
  }

  private static func systemReason(_ easy: UnsafeMutableRawPointer) -> String {
    var number = 0
    moondance_curl_get_number(easy, CURLINFO_OS_ERRNO, &number)
    return number == 0 ? "nothing answers there" : String(cString: strerror(Int32(number)))
  }

  private static func certificateReason(_ easy: UnsafeMutableRawPointer) -> String {
    var number = 0
    moondance_curl_get_number(easy, CURLINFO_SSL_VERIFYRESULT, &number)
    return number == 0 ? "it is for another name" : String(cString: moondance_curl_certificate_reason(number))
  }
}
