import Engine

/// Accounts, whoever asks for money, and whoever looks at them: an aggregate with its commands, a consumer that sends them
/// and one that reads what it is told of. A third of the runs have them beside their other consumers; none of them fails
/// by itself.
enum Bank {
  enum Role: Hashable, CaseIterable {
    case account, teller, auditor, pair, quiet

    var isRule: Bool { self == .pair || self == .quiet }
  }

  static let names = ["account", "teller", "auditor", "pair", "quiet"]
  /// Events that nobody else hears, and commands.
  static let types: Set<String> = Watch.types.union([
    "Deposited", "Withdrawn", "Wish", "Audit", "Withdraw", "Move",
  ])

  static let behaviours: [Behaviour] = Role.allCases.map { role in
    Behaviour(
      name: names[Role.allCases.firstIndex(of: role)!], version: 1, hears: hears(role), fromStart: true, key: .subject,
      attempts: 8, first: 200, factor: 2, cap: 300_000, jitter: 20, skips: false, isTame: true, bank: role)
  }

  private static func hears(_ role: Role) -> [String] {
    switch role {
    case .account: ["Move", "Withdraw"]
    case .teller: ["Wish"]
    case .auditor, .pair, .quiet: ["Deposited", "Withdrawn"]
    }
  }

  static func script(_ role: Role) -> String {
    switch role {
    case .pair, .quiet: Watch.script(role)
    case .account:
      """
      local function take(account, command)
        local d = command.data
        if account.balance < d.amount then reject("short of " .. d.amount - account.balance) end
        emit("Withdrawn", { amount = d.amount, left = account.balance - d.amount, n = d.n })
      end

      aggregate "account" {
        initial = { balance = 0 },
        events = {
          Deposited = function(account, event) account.balance = account.balance + event.data.amount end,
          Withdrawn = function(account, event) account.balance = account.balance - event.data.amount end,
        },
        commands = {
          Withdraw = take,
          Move = function(account, command)
            take(account, command)
            emit("Deposited", { amount = command.data.amount, n = command.data.n }, { subject = command.data.to })
          end,
        },
      }

      projection "moves" { on = {
        Deposited = function(moves) moves.n = (moves.n or 0) + 1 end,
        Withdrawn = function(moves) moves.n = (moves.n or 0) + 1 end,
      } }
      """
    case .teller:
      """
      consumer "teller" { from = "start", on = { Wish = function(event)
        local d = event.data
        send(d.to and "Move" or "Withdraw", d)
      end } }
      """
    case .auditor:
      """
      local function audit(event)
        emit("Audit", { balance = read("account", event.subject).balance, n = read("moves", event.subject).n })
      end
      consumer "auditor" { from = "start", reads = { "account", "moves" }, on = { Deposited = audit, Withdrawn = audit } }
      """
    }
  }

  /// What the data of one of the bank's entries says.
  struct Entry: Equatable {
    var number = 0
    var amount: Int64 = 0
    var to: String?
    var left: Int64?
    var balance: Int64?

    /// Nil when `json` is nothing that the bank writes.
    init?(_ json: String) {
      guard let members = FlatJSON.members(of: json) else { return nil }
      for (name, value) in members {
        switch (name, value) {
        case ("n", .integer(let value)): number = Int(value)
        case ("amount", .integer(let value)): amount = value
        case ("to", .text(let text)): to = text
        case ("left", .integer(let value)): left = value
        case ("balance", .integer(let value)): balance = value
        default: return nil
        }
      }
    }

    init(number: Int, amount: Int64, to: String? = nil) { (self.number, self.amount, self.to) = (number, amount, to) }

    /// In the order in which the host writes what Lua makes.
    var json: String {
      var members = ["\"amount\":\(amount)"]
      if let left { members.append("\"left\":\(left)") }
      members.append("\"n\":\(number)")
      if let to { members.append("\"to\":\"\(to)\"") }
      return "{\(members.joined(separator: ","))}"
    }
  }
}

/// What the oracle knows of the bank: sums and lists.
struct BankModel {
  struct Account: Equatable {
    var balance: Int64 = 0
    var moves = 0
  }

  /// As the log has made them so far, and as they were behind each event that changed one.
  private(set) var accounts: [String: Account] = [:]
  private(set) var behind: [UInt64: Account] = [:]
  /// Where each command from outside is, by its number.
  var positions: [Int: UInt64] = [:]
  var outcomes: [UInt64: (outcome: OutcomeRecord, commit: UInt64)] = [:]
  /// By reader: what it has passed and not handled.
  var pending: [UInt32: Set<UInt64>] = [:]
  var watch = WatchModel()
  /// By reader and subject: what it handled last.
  var last: [UInt32: [String: UInt64]] = [:]

  subscript(account: String) -> Account { accounts[account, default: Account()] }

  mutating func add(_ event: LogEvent) {
    guard let entry = event.bank, event.type == "Deposited" || event.type == "Withdrawn" else { return }
    accounts[event.subject, default: Account()].balance += event.type == "Deposited" ? entry.amount : -entry.amount
    accounts[event.subject]!.moves += 1
    behind[event.position] = accounts[event.subject]
    watch.hear(event)
  }
}
