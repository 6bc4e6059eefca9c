internal import CCurl
internal import Engine
internal import Events
internal import Glibc

/// What came back so far, and what it means.
struct HTTPAnswer {
  private(set) var status = 0
  private(set) var headers: [String: String] = [:]
  private(set) var body: [UInt8] = []
  /// The rest of the answer is not wanted.
  private(set) var isEnough = false
  /// The answer is longer than what can be kept.
  private(set) var isTooLong = false
  private let wantsReply: Bool
  private var headBytes = 0

  static let longestBody = 256 << 10
  private static let longestHead = 64 << 10
  /// What a failure shows of an answer.
  private static let shownBytes = 300

  init(wantsReply: Bool) { self.wantsReply = wantsReply }

  /// One line of the head, its status line included.
  mutating func take(head line: UnsafeRawBufferPointer) -> Bool {
    var text = Substring(line.text)
    while let last = text.utf8.last, last <= 0x20 { text = Substring(text.utf8.dropLast()) }
    if text.hasPrefix("HTTP/") {
      // An interim answer comes before the one that counts.
      (headers, headBytes) = ([:], 0)
      status = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
      return true
    }
    guard let colon = text.firstIndex(of: ":") else { return true }
    headBytes += line.count
    if headBytes > Self.longestHead {
      isTooLong = true
      return false
    }
    let name = text[..<colon].lowercased()
    let value = String(text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" })
    headers[name] = headers[name].map { "\($0), \(value)" } ?? value
    return true
  }

  mutating func take(body bytes: UnsafeRawBufferPointer) -> Bool {
    let room = Self.longestBody - body.count
    if bytes.count <= room {
      body.append(contentsOf: bytes)
      return true
    }
    if isReply { isTooLong = true } else { isEnough = true }
    return false
  }

  /// The far side dealt with it, as far as HTTP can tell: not "later", not "I am broken".
  private var isReply: Bool { wantsReply && ![408, 425, 429].contains(status) && !(500...599).contains(status) }

  /// Of an answer that is whole, or as much of it as is wanted.
  func outcome(of order: HTTPOrder) -> DeliveryOutcome {
    if isReply { return .delivered(DeliveryReply(status: status, headers: headers, body: body)) }
    if (200...299).contains(status) { return .delivered(nil) }
    var message = "\(order.method) \(order.shownTarget) is answered with \(status)"
    if (300...399).contains(status), let location = headers["location"] {
      message += ", which points to \(Self.host(of: location)): redirects are not followed"
    } else {
      let text = String(decoding: body.prefix(4096), as: UTF8.self)
      let shown = String(decoding: order.secrets.scrub(text).utf8.prefix(Self.shownBytes), as: UTF8.self)
      if !shown.isEmpty { message += ": \(shown)" }
    }
    return .failed(DeliveryFailure(.refused, order.secrets.scrub(message), retryAfter: retryAfter))
  }

  private static func host(of location: String) -> String {
    let parts = location.split(separator: "://", maxSplits: 1)
    guard parts.count == 2 else { return "another path of it" }
    let authority = parts[1].prefix { !"/?#".contains($0) }
    return String(authority.split(separator: "@", omittingEmptySubsequences: false).last ?? authority)
  }

  /// Seconds or a date, at most a day, in µs.
  private var retryAfter: Int64? {
    guard let text = headers["retry-after"] else { return nil }
    let seconds: Int
    if let number = Int(text) {
      seconds = number
    } else {
      let moment = curl_getdate(text, nil)
      guard moment >= 0 else { return nil }
      seconds = moment - time(nil)
    }
    return Int64(min(max(0, seconds), 86400)) * 1_000_000
  }
}
