internal import CCurl
internal import Glibc

/// What is asked of the daemon.
struct Request {
  enum Body {
    case none
    case bytes([UInt8])
    case lines(LineSource)
  }

  var method = "GET"
  /// With the query.
  var path: String
  var headers: [String] = []
  var body = Body.none
  /// Seconds for the whole transfer; nil: it may take as long as it wants.
  var timeout: Int? = 60
  /// Seconds without a byte of the answer after which the connection counts as lost; nil: it may be silent.
  var silence: Int?
  /// Whether an interrupt breaks the transfer off; a stream of lines ends in good order instead.
  var endsOnInterrupt = false
}

struct Response {
  var status = 0
  var contentType = ""
  var body: [UInt8] = []
}

/// One request and its answer as libcurl's callbacks see them; they run inside `Transport.perform` and on its thread.
final class Exchange {
  var lines: LineSource?
  var response = Response()
  /// Takes the body of a good answer piece by piece; false breaks the transfer off.
  let receive: ((UnsafeRawBufferPointer) throws -> Bool)?
  let progress: ((Int) -> Void)?
  var isPaused = false
  var isOver = false
  var failure: (any Error)?
  private var sent = 0
  private let easy: UnsafeMutableRawPointer

  init(
    _ easy: UnsafeMutableRawPointer, receive: ((UnsafeRawBufferPointer) throws -> Bool)?, progress: ((Int) -> Void)?
  ) {
    (self.easy, self.receive, self.progress) = (easy, receive, progress)
  }

  func take(_ bytes: UnsafeRawBufferPointer) -> Int {
    if response.status == 0 { readHead() }
    guard let receive, response.status == 200 else {
      response.body.append(contentsOf: bytes)
      return bytes.count
    }
    do {
      if try receive(bytes) { return bytes.count }
    } catch {
      failure = error
    }
    isOver = true
    return bytes.isEmpty ? 1 : 0
  }

  func give(_ target: UnsafeMutableRawBufferPointer) -> Int {
    switch lines?.read(into: target) {
    case .bytes(let count)?:
      sent += count
      progress?(sent)
      return count
    case .later?:
      isPaused = true
      return Int(moondance_curl_read_pause)
    case .end?, nil: return 0
    case .failed(let error)?:
      failure = ClientError.unreadable(String(cString: strerror(error)))
      return Int(moondance_curl_read_abort)
    }
  }

  func readHead() {
    var status = 0
    moondance_curl_get_number(easy, CURLINFO_RESPONSE_CODE, &status)
    response.status = status
    var type: UnsafePointer<CChar>?
    moondance_curl_get_text(easy, CURLINFO_CONTENT_TYPE, &type)
    response.contentType = type.map { String(cString: $0) } ?? ""
  }
}
