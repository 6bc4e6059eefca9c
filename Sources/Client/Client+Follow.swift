internal import Wire

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

extension Client {
  /// What happened to the connection of a follower that goes on.
  package enum FollowNotice: Sendable, Equatable {
    case lost(reason: String)
    case back
  }

  /// Gives what is there and then what comes, each event once and in order, until `event` returns false or `Interrupt`
  /// is raised. A lost connection is made again, as often as needed, after the last event that was seen.
  /// - Throws: `ClientError` when the first connection fails or the daemon refuses, and what `event` throws.
  package func follow(
    _ selection: EventSelection, notice: @escaping (FollowNotice) -> Void = { _ in },
    event: @escaping (EventText) throws -> Bool
  ) throws {
    var last: UInt64?
    var pause = 1000
    var wasReached = false
    var isLost = false
    while !Interrupt.isRaised {
      var parser = EventStreamParser()
      var isDone = false
      let receive = { (bytes: UnsafeRawBufferPointer) throws -> Bool in
        wasReached = true
        if isLost { notice(.back) }
        isLost = false
        return try parser.take(bytes) { message in
          switch message.event {
          case "message":
            isDone = try !event(EventText(json: message.data))
            return !isDone
          case "problem": throw Self.problem(message.data)
          default: return true
          }
        }
      }
      do {
        let response = try transport.perform(Self.followRequest(selection, after: last), receive: receive)
        if isDone || Interrupt.isRaised { return }
        try checked(response)
      } catch let error as ClientError where wasReached && error.passes {
        if !isLost { notice(.lost(reason: error.reason)) }
        isLost = true
      }
      last = parser.lastID ?? last
      pause = parser.retryMilliseconds.map { min(max($0, 100), 10_000) } ?? pause
      guard Interrupt.wait(milliseconds: pause) else { return }
    }
  }

  /// The request that goes on after `last`, else begins where the selection says.
  static func followRequest(_ selection: EventSelection, after last: UInt64?) -> Request {
    var selection = selection
    selection.limit = nil
    var headers = ["Accept: text/event-stream"]
    if let last {
      selection.last = nil
      headers.append("Last-Event-ID: \(last)")
    }
    // The daemon says every 15 seconds that it is alive.
    return Request(
      path: "/events" + selection.query, headers: headers, timeout: nil, silence: 45, endsOnInterrupt: true)
  }

  private static func problem(_ data: [UInt8]) -> ClientError {
    (try? JSONDecoder().decode(Problem.self, from: Data(data))).map(ClientError.problem)
      ?? .unexpected(url: "", reason: String(decoding: data, as: UTF8.self))
  }
}

extension ClientError {
  /// Whether waiting may help.
  fileprivate var passes: Bool {
    switch self {
    case .notReachable, .disconnected: true
    case .problem(let problem): problem.status == 503
    default: false
    }
  }

  fileprivate var reason: String {
    switch self {
    case .notReachable(_, let reason), .disconnected(_, let reason), .unexpected(_, let reason): reason
    case .problem(let problem): problem.detail
    case .badSetting(let text), .unreadable(let text): text
    }
  }
}
