internal import CCurl
internal import Foundation

/// One HTTP exchange over libcurl. Blocks; one thread.
final class Transfer {
  /// What is sent, in parts: fills the buffer and returns how much, 0 at the end.
  typealias Source = (UnsafeMutableRawBufferPointer) -> Int

  private let curl: UnsafeMutableRawPointer
  private var headers: UnsafeMutablePointer<curl_slist>?
  private var source: Source?
  private var sink: (UnsafeRawBufferPointer) -> Bool
  private var progress: (() -> Bool)?

  init(_ method: String, _ url: String, headers: [String: String], sink: @escaping (UnsafeRawBufferPointer) -> Bool) {
    guard let curl = curl_easy_init() else { fatalError("libcurl gives no handle: there is no memory") }
    self.curl = UnsafeMutableRawPointer(curl)
    self.sink = sink
    md_curl_set_text(curl, CURLOPT_URL, url)
    md_curl_set_text(curl, CURLOPT_CUSTOMREQUEST, method)
    md_curl_set_text(curl, CURLOPT_PROXY, "")
    md_curl_set_long(curl, CURLOPT_NOSIGNAL, 1)
    md_curl_set_long(curl, CURLOPT_CONNECTTIMEOUT_MS, 5000)
    for (name, value) in headers { self.headers = curl_slist_append(self.headers, "\(name): \(value)") }
    // A daemon that refuses a body says so before it is sent; there is no need to ask first.
    self.headers = curl_slist_append(self.headers, "Expect:")
    md_curl_set_list(curl, CURLOPT_HTTPHEADER, self.headers)
    md_curl_set_transfer(curl, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      return transfer.sink(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
    }
    md_curl_set_pointer(curl, CURLOPT_WRITEDATA, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    curl_slist_free_all(headers)
    curl_easy_cleanup(curl)
  }

  func send(_ body: [UInt8]) {
    var sent = 0
    md_curl_set_long(curl, CURLOPT_POSTFIELDSIZE, body.count)
    stream { buffer in
      let count = min(buffer.count, body.count - sent)
      body[sent..<(sent + count)].withUnsafeBytes { buffer.copyMemory(from: $0) }
      sent += count
      return count
    }
  }

  /// Sends a body of unknown length.
  func stream(_ source: @escaping Source) {
    self.source = source
    md_curl_set_long(curl, CURLOPT_POST, 1)
    md_curl_set_transfer(curl, CURLOPT_READFUNCTION) { bytes, size, count, context in
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      return transfer.source?(UnsafeMutableRawBufferPointer(start: bytes, count: size * count)) ?? 0
    }
    md_curl_set_pointer(curl, CURLOPT_READDATA, Unmanaged.passUnretained(self).toOpaque())
  }

  /// Asked now and then; false ends the exchange.
  func whileTrue(_ goesOn: @escaping () -> Bool) {
    progress = goesOn
    md_curl_set_long(curl, CURLOPT_NOPROGRESS, 0)
    md_curl_set_progress(curl) { context, _, _, _, _ in
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      return transfer.progress?() == false ? 1 : 0
    }
    md_curl_set_pointer(curl, CURLOPT_XFERINFODATA, Unmanaged.passUnretained(self).toOpaque())
  }

  /// The status of the answer. A body that the sink or `whileTrue` ended is no error.
  func run() throws(ClientError) -> Int {
    let code = curl_easy_perform(curl)
    let status = Int(md_curl_status(curl))
    switch code {
    case CURLE_OK, CURLE_WRITE_ERROR, CURLE_ABORTED_BY_CALLBACK: return status
    // The daemon answered and closed without reading the rest of the body: its answer counts.
    case CURLE_SEND_ERROR, CURLE_RECV_ERROR:
      if status >= 400 { return status }
      throw .broken(String(cString: curl_easy_strerror(code)))
    case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST, CURLE_OPERATION_TIMEDOUT:
      throw .notReachable(String(cString: curl_easy_strerror(code)))
    default: throw .broken(String(cString: curl_easy_strerror(code)))
    }
  }
}
