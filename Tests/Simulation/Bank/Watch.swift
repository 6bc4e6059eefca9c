import Engine

/// Two rules beside the bank: one joins a deposit and a withdrawal of an account that are not far apart, the other tells of
/// accounts where nothing has happened for a while.
enum Watch {
  static let types: Set<String> = ["Paired", "Unpaired", "Quiet"]
  /// µs.
  static let pairSpan: Int64 = 3_000_000
  static let quietSpan: Int64 = 2_000_000
  /// Of the number of a deposit beside that of a withdrawal.
  static let shift = 10_000_000

  static func script(_ role: Bank.Role) -> String {
    switch role {
    case .pair:
      """
      local function number(event) return event and event.data.n or 0 end
      rule "pair" { from = "start", when = all { "Deposited", "Withdrawn" }, within = "3s", again = true,
                    emit = "Paired", otherwise = "Unpaired", data = function(heard)
                      return { n = number(heard.Deposited) * \(shift) + number(heard.Withdrawn) }
                    end }
      """
    default:
      """
      rule "quiet" { from = "start", when = any { "Deposited", "Withdrawn" }, unless = any { "Deposited", "Withdrawn" },
                     within = "2s", otherwise = "Quiet", again = true, data = function(heard)
                       return { n = (heard.Deposited or heard.Withdrawn).data.n }
                     end }
      """
    }
  }
}

/// What the rules must find, from the log alone: the instance that is open for each account, and what has been decided and
/// is not yet told.
struct WatchModel {
  struct Firing: Hashable {
    var type: String
    var subject: String
    var number: Int
    var cause: UInt64
  }

  private struct Open {
    var event: LogEvent
    var deadline: Int64
    var isTold = false

    func firing(_ role: Bank.Role) -> Firing {
      let number = event.bank?.number ?? 0
      return switch role {
      case .pair:
        Firing(
          type: "Unpaired", subject: event.subject, number: event.type == "Deposited" ? number * Watch.shift : number,
          cause: event.position)
      default: Firing(type: "Quiet", subject: event.subject, number: number, cause: event.position)
      }
    }
  }

  /// With the position that the rule must have read before it can tell.
  private var owed: [Bank.Role: [Firing: UInt64]] = [:]
  private var open: [Bank.Role: [String: Open]] = [:]

  mutating func hear(_ event: LogEvent) {
    for role in [Bank.Role.pair, .quiet] {
      var instance = open[role]?[event.subject]
      if let known = instance, known.deadline < event.time {
        if !known.isTold { owed[role, default: [:]][known.firing(role)] = event.position }
        instance = nil
      }
      if role == .quiet {
        instance = Open(event: event, deadline: event.time + Watch.quietSpan)
      } else if let known = instance {
        if known.event.type != event.type {
          let numbers = [known.event, event].reduce(0) { sum, event in
            sum + (event.bank?.number ?? 0) * (event.type == "Deposited" ? Watch.shift : 1)
          }
          owed[role, default: [:]][
            Firing(type: "Paired", subject: event.subject, number: numbers, cause: event.position)] = event.position
          instance = nil
        }
      } else {
        instance = Open(event: event, deadline: event.time + Watch.pairSpan)
      }
      open[role, default: [:]][event.subject] = instance
    }
  }

  /// Whether a rule that has read up to `through` may tell this at `time`, and it has not yet.
  mutating func tell(_ event: LogEvent, _ role: Bank.Role, through: UInt64, time: Int64) -> Bool {
    let firing = Firing(
      type: event.type, subject: event.subject, number: event.bank?.number ?? -1, cause: event.cause)
    if let position = owed[role]?[firing] {
      owed[role]![firing] = nil
      // A deadline needs no event behind it.
      return firing.type != "Paired" || position <= through
    }
    guard let known = open[role]?[event.subject], known.firing(role) == firing, !known.isTold, known.deadline < time
    else { return false }
    open[role]![event.subject]!.isTold = true
    return true
  }

  /// What is left to be told when time has gone on long enough for everything.
  func rest(_ role: Bank.Role) -> [Firing] {
    Array((owed[role] ?? [:]).keys) + (open[role] ?? [:]).values.filter { !$0.isTold }.map { $0.firing(role) }
  }
}
