internal import NIOCore
internal import Synchronization

/// Bounds how many connections there are. When one more comes, the one that has been without a request for longest is
/// closed for it, so that a crowd of silent connections does not keep good clients out.
final class ConnectionTable: Sendable {
  /// What the table knows of a connection; the connection keeps it up to date without a lock.
  final class Member: Sendable {
    let channel: any Channel
    /// Since when there is no request, in nanoseconds; 0: there is one.
    let idleSince: Atomic<UInt64>

    init(channel: any Channel, now: UInt64) {
      self.channel = channel
      idleSince = Atomic(max(1, now))
    }
  }

  private let maximum: Int
  private let members = Mutex<[ObjectIdentifier: Member]>([:])

  init(maximum: Int) { self.maximum = maximum }

  var count: Int { members.withLock { $0.count } }

  /// Takes a connection in; nil when every one of the others is busy.
  func enter(_ channel: any Channel, now: UInt64) -> Member? {
    let member = Member(channel: channel, now: now)
    let (isIn, victim) = members.withLock { members -> (Bool, Member?) in
      var victim: Member?
      if members.count >= maximum {
        victim = members.values.filter { $0.idleSince.load(ordering: .relaxed) != 0 }
          .min { $0.idleSince.load(ordering: .relaxed) < $1.idleSince.load(ordering: .relaxed) }
        guard let victim else { return (false, nil) }
        members[ObjectIdentifier(victim)] = nil
      }
      members[ObjectIdentifier(member)] = member
      return (true, victim)
    }
    victim?.channel.close(promise: nil)
    return isIn ? member : nil
  }

  func leave(_ member: Member) {
    members.withLock { $0[ObjectIdentifier(member)] = nil }
  }
}
