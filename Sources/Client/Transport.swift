internal import CCurl
internal import Glibc

/// HTTP over libcurl, one request at a time. Blocking, for one thread.
final class Transport {
  private let endpoint: Endpoint
  private let multi: UnsafeMutableRawPointer
  /// The longest wait without a look at the interrupt, when the signal went to another thread.
  private static let lookMilliseconds: Int32 = 200

  init(_ endpoint: Endpoint) {
    self.endpoint = endpoint
    curl_global_init(Int(CURL_GLOBAL_DEFAULT))
    guard let multi = curl_multi_init() else { fatalError("libcurl gives no handle: out of memory") }
    self.multi = multi
  }

  deinit { curl_multi_cleanup(multi) }

  /// Sends `request` and waits for its answer, whatever its status.
  /// - Parameters:
  ///   - receive: takes the body of an answer 200 piece by piece instead of `Response.body`; false ends the transfer.
  ///   - progress: the bytes of lines that went out so far.
  /// - Throws: `ClientError` when there is no answer, and what `receive` throws.
  func perform(
    _ request: Request, progress: ((Int) -> Void)? = nil, receive: ((UnsafeRawBufferPointer) throws -> Bool)? = nil
  ) throws -> Response {
    guard let easy = curl_easy_init() else { fatalError("libcurl gives no handle: out of memory") }
    defer { curl_easy_cleanup(easy) }
    let exchange = Exchange(easy, receive: receive, progress: progress)
    let headers = configure(easy, request, exchange)
    defer { curl_slist_free_all(headers) }
    let result = withExtendedLifetime(exchange) { run(easy, request, exchange) }
    if let failure = exchange.failure { throw failure }
    if exchange.isOver || result == nil { return exchange.response }
    exchange.readHead()
    // A refusal that came before all was sent is an answer.
    let isAnswered = exchange.response.status >= 400 && !exchange.response.body.isEmpty
    if let result, result != CURLE_OK, !isAnswered { throw error(result) }
    return exchange.response
  }

  /// Nil: interrupted.
  private func run(_ easy: UnsafeMutableRawPointer, _ request: Request, _ exchange: Exchange) -> CURLcode? {
    curl_multi_add_handle(multi, easy)
    defer { curl_multi_remove_handle(multi, easy) }
    var running: Int32 = 0
    while true {
      curl_multi_perform(multi, &running)
      if running == 0 { return moondance_curl_result(multi) }
      if request.endsOnInterrupt && Interrupt.isRaised { return nil }
      var source = curl_waitfd(
        fd: exchange.lines?.descriptor ?? -1, events: Int16(moondance_curl_wait_in), revents: 0)
      curl_multi_poll(multi, &source, exchange.isPaused ? 1 : 0, Self.lookMilliseconds, nil)
      if exchange.isPaused {
        exchange.isPaused = false
        curl_easy_pause(easy, Int32(moondance_curl_continue))
      }
    }
  }

  private func configure(
    _ easy: UnsafeMutableRawPointer, _ request: Request, _ exchange: Exchange
  ) -> UnsafeMutablePointer<curl_slist>? {
    moondance_curl_set_text(easy, CURLOPT_URL, endpoint.url + request.path)
    moondance_curl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https")
    moondance_curl_set_text(easy, CURLOPT_USERAGENT, "moondance")
    moondance_curl_set_number(easy, CURLOPT_NOSIGNAL, 1)
    moondance_curl_set_number(easy, CURLOPT_PATH_AS_IS, 1)
    moondance_curl_set_number(easy, CURLOPT_TCP_KEEPALIVE, 1)
    moondance_curl_set_number(easy, CURLOPT_CONNECTTIMEOUT, 5)
    moondance_curl_set_number(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    // The daemon of this machine is never behind a proxy, whatever the environment says.
    if isLocal { moondance_curl_set_text(easy, CURLOPT_PROXY, "") }
    if let timeout = request.timeout { moondance_curl_set_number(easy, CURLOPT_TIMEOUT, timeout) }
    if let silence = request.silence {
      moondance_curl_set_number(easy, CURLOPT_LOW_SPEED_LIMIT, 1)
      moondance_curl_set_number(easy, CURLOPT_LOW_SPEED_TIME, silence)
    }
    let context = Unmanaged.passUnretained(exchange).toOpaque()
    moondance_curl_set_pointer(easy, CURLOPT_WRITEDATA, context)
    moondance_curl_set_bytes(easy, CURLOPT_WRITEFUNCTION) { bytes, _, count, context in
      Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue().take(
        UnsafeRawBufferPointer(start: bytes, count: count))
    }
    var headers = request.headers
    if let token = endpoint.token { headers.append("Authorization: Bearer \(token)") }
    if request.method == "POST" {
      moondance_curl_set_number(easy, CURLOPT_POST, 1)
      headers += configureBody(easy, request.body, exchange, context)
    }
    let list = headers.reduce(nil) { curl_slist_append($0, $1) }
    moondance_curl_set_pointer(easy, CURLOPT_HTTPHEADER, list)
    return list
  }

  /// Gives the headers that go with the body.
  private func configureBody(
    _ easy: UnsafeMutableRawPointer, _ body: Request.Body, _ exchange: Exchange, _ context: UnsafeMutableRawPointer
  ) -> [String] {
    switch body {
    case .none:
      moondance_curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, 0)
      moondance_curl_set_text(easy, CURLOPT_COPYPOSTFIELDS, "")
      return ["Content-Type:"]
    case .bytes(var bytes):
      moondance_curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, bytes.count)
      bytes.withUnsafeMutableBytes { _ = moondance_curl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) }
      return []
    case .lines(let lines):
      exchange.lines = lines
      moondance_curl_set_number(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256 << 10)
      moondance_curl_set_pointer(easy, CURLOPT_READDATA, context)
      moondance_curl_set_bytes(easy, CURLOPT_READFUNCTION) { bytes, _, count, context in
        Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue().give(
          UnsafeMutableRawBufferPointer(start: bytes, count: count))
      }
      return ["Transfer-Encoding: chunked"]
    }
  }

  private var isLocal: Bool {
    ["://127.", "://localhost", "://[::1]"].contains { endpoint.url.lowercased().contains($0) }
  }

  private func error(_ code: CURLcode) -> ClientError {
    let reason = String(cString: curl_easy_strerror(code))
    return switch code {
    case CURLE_COULDNT_CONNECT: .notReachable(url: endpoint.url, reason: "the connection is refused")
    case CURLE_COULDNT_RESOLVE_HOST: .notReachable(url: endpoint.url, reason: "there is no host of this name")
    case CURLE_OPERATION_TIMEDOUT: .notReachable(url: endpoint.url, reason: "it does not answer")
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_COULDNT_RESOLVE_PROXY:
      .notReachable(url: endpoint.url, reason: reason)
    case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE:
      .disconnected(url: endpoint.url, reason: reason)
    case CURLE_URL_MALFORMAT: .badSetting("\"\(endpoint.url)\" is no address of a daemon")
    default: .unexpected(url: endpoint.url, reason: reason)
    }
  }
}
