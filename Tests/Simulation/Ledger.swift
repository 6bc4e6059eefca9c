import Engine
import Events
import Scripts

/// What those outside know: what they have asked for and how they were answered. It outlives every crash, since those who
/// asked do.
struct Ledger {
  /// An event as it is sent. The same number is the same event; two with one identity and different numbers are a conflict.
  struct Item: Equatable {
    var number: Int
    var type: String
    var subject: String
    var data: String
    var id: String?
  }

  struct Append {
    var items: [Item]
    var expecting: UInt64?
    var stream: Int?
    /// The log's last position when it was sent.
    var head: Int
    var outcome: AppendOutcome?
    /// The host died before it answered.
    var isLost = false

    /// Whether it can be said that nothing of it is in the log.
    var isRefused: Bool {
      switch outcome {
      case nil, .appended: false
      case .stopped(let maybeIn): !maybeIn
      default: true
      }
    }
  }

  enum Verb: Equatable {
    case reader(ReaderVerb, String)
    case letters(LetterVerb, LetterSelection)
  }

  enum VerbOutcome: Equatable {
    case reader(ReaderOutcome)
    case letters(LetterOutcome)
  }

  struct Order {
    var verb: Verb
    var outcome: VerbOutcome?
    var isLost = false

    /// It was said to be done, or as much of it as could be.
    var isDone: Bool {
      switch outcome {
      case .reader(.done)?, .letters(.done)?, .letters(.readFailed)?: true
      default: false
      }
    }
  }

  /// A command as it was sent once.
  struct Attempt {
    var number: Int
    var outcome: CommandOutcome?
    var isLost = false

    var isRefused: Bool {
      switch outcome {
      case .unowned?, .conflict?, .tooLarge?, .overloaded?, .noSpace?, .readFailed?: true
      case .stopped(let maybeIn)?: !maybeIn
      case .accepted?, .rejected?, .discarded?, .pending?, .decidedBefore?, nil: false
      }
    }
  }

  /// The latest time that the wall clock has ever shown, µs.
  var latestTime: Int64 = 0
  private(set) var items: [Int: Item] = [:]
  /// By number.
  var commands: [Int: Item] = [:]
  var attempts: [Attempt] = []
  /// What operators have asked of instances of the process: the data of the event, and its subject.
  var errandVerbs: [String: String] = [:]
  var appends: [Append] = []
  /// By item: the appends that have carried it.
  private(set) var carriers: [Int: [Int]] = [:]
  var orders: [Order] = []
  /// Generations that were said to be live.
  var generations: [UInt32] = []
  /// Calls that were given up with their worker.
  var lostCalls: Set<LostCall> = []

  struct LostCall: Hashable {
    var reader: UInt32
    var position: UInt64
  }

  /// What was answered and is still to be compared with the log.
  var freshAppends: [Int] = []
  var freshOrders: [Int] = []
  var freshAttempts: [Int] = []
  var freshGenerations: [UInt32] = []

  mutating func add(_ append: Append) -> Int {
    let index = appends.count
    appends.append(append)
    for item in append.items {
      items[item.number] = item
      carriers[item.number, default: []].append(index)
    }
    return index
  }

  /// Whether the log may have the item at all.
  func mayBeIn(_ number: Int) -> Bool { carriers[number, default: []].contains { !appends[$0].isRefused } }

  func mayBeIn(command number: Int) -> Bool { attempts.contains { $0.number == number && !$0.isRefused } }

  mutating func answered(_ index: Int, _ outcome: AppendOutcome) {
    appends[index].outcome = outcome
    freshAppends.append(index)
  }

  mutating func answered(order index: Int, _ outcome: VerbOutcome) {
    orders[index].outcome = outcome
    freshOrders.append(index)
  }

  /// Nobody will answer any more.
  mutating func hostDied() {
    for index in appends.indices where appends[index].outcome == nil { appends[index].isLost = true }
    for index in orders.indices where orders[index].outcome == nil { orders[index].isLost = true }
    for index in attempts.indices where attempts[index].outcome == nil { attempts[index].isLost = true }
  }
}

extension Ledger {
  /// Who acts, in the log.
  static func name(ofOrder index: Int) -> String { "order-\(index)" }

  static func order(named name: String) -> Int? {
    name.hasPrefix("order-") ? Int(name.dropFirst("order-".count)) : nil
  }
}
