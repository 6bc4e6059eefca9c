import Engine
import TestKit

/// A process beside the bank. What an instance is to do stands in the event that starts it, as a list of a few words, so that
/// a seed decides it; its script goes through them. Another third of the runs have it.
enum Errand {
  static let name = "errand"
  /// What an instance tells.
  static let told: Set<String> = ["Closed", "Noted", "Undid", "Undone"]
  /// How long the compensation of a payment that was needed waits, µs.
  static let regret: Int64 = 50_000

  /// How the scripts of a run differ. A history without notes is the same in all of them.
  struct Variant: Hashable {
    var version: Int
    /// What notes say: a history that has one differs from another's.
    var note: Int
    /// Waits last so much longer, ms. A wait is nothing that a history holds.
    var patience: Int64
    /// Whose bells an instance hears; nil: there are none in this run.
    var bells: BellPath?
    /// The bug: compensations run first to last.
    var undoesInOrder: Bool
  }

  static func behaviours(_ bug: Bug?, hasBells: Bool) -> [Behaviour] {
    (1...4).map { behaviour($0, bug, bells: hasBells ? BellPath.ofVersion($0) : nil) }
  }

  private static func behaviour(_ version: Int, _ bug: Bug?, bells: BellPath?) -> Behaviour {
    Behaviour(
      name: name, version: version,
      hears: (bells == nil ? [] : [bell]) + [
        "Errand", "Halt", "Nod", "Wink", "Withdrawn", "moondance.answered", "moondance.decided", "moondance.process",
      ], fromStart: true, key: .subject, attempts: 100, first: 200, factor: 2, cap: 300_000, jitter: 20, skips: false,
      isTame: true,
      errand: Variant(
        version: version, note: version > 2 ? version : 0, patience: version % 2 == 0 ? 100 : 0, bells: bells,
        undoesInOrder: bug == .undoInOrder))
  }

  /// One of the words of a list.
  struct Word: Equatable {
    enum Kind: String {
      /// Asks an account for money; `need` gives up when there is none.
      case pay, need
      /// Awaits an event for a time; `wait` for ever; `both` two of them.
      case hear, wait, both
      case nap
      /// Looks whether something has come, so many times: as many steps.
      case spin
      case note
      /// Rolls back.
      case back
      /// Fails before a time, ms.
      case till
      /// Begins anew with the words behind it.
      case again
    }

    var kind: Kind
    var name: String
    var number: Int64

    init(_ kind: Kind, _ name: String = "x", _ number: Int64 = 0) {
      (self.kind, self.name, self.number) = (kind, name, number)
    }

    init?(_ text: String) {
      let parts = text.split(separator: " ")
      guard parts.count == 3, let kind = Kind(rawValue: String(parts[0])), let number = Int64(parts[2]) else {
        return nil
      }
      self.init(kind, String(parts[1]), number)
    }

    var text: String { "\(kind) \(name) \(number)" }
  }

  private static let undoInOrder = """
        local undoes, last_first = {}, compensate
        local function compensate(undo)
          table.insert(undoes, undo)
          last_first(function() table.remove(undoes, 1)() end)
        end
    """

  static func script(_ variant: Variant) -> String {
    """
    -- version \(variant.version)
    process "errand" {
      from = "start", starts = "Errand", aborts = "Halt", hears = { "Nod", "Wink", "Withdrawn"\(variant.bells?.entry ?? "") },
      retry = { attempts = 100, first = "200ms", factor = 2, cap = "300s", jitter = 0.2 },
      run = function(start)
        local d = start.data
    \(variant.undoesInOrder ? undoInOrder : "")
        local function pay(account, amount)
          local paid = ask("Withdraw", { amount = amount, n = d.n }, { to = account })
          return paid and #paid or nil
        end
        local function tell(type, data)
          data.n, data.t = d.n, now()
          emit(type, data)
        end
        local function hear(i, event)
          tell("Noted", { i = i, p = event and event.position or 0 })
        end
        local words = {}
        function words.need(i, account, amount)
          local paid = pay(account, amount)
          if not paid then rollback("refused", "Undone", { i = i, n = d.n }) end
          tell("Noted", { got = paid, i = i })
          compensate(function()
            sleep("\(regret / 1000)ms")
            tell("Undid", { got = pay(account, 1) or 0, i = i })
          end)
        end
        function words.pay(i, account, amount)
          local paid = pay(account, amount)
          tell("Noted", { got = paid or 0, i = i })
          if not paid then return end
          compensate(function() tell("Undid", { got = pay(account, 1) or 0, i = i }) end)
        end
        function words.hear(i, type, span)
          hear(i, await { type, within = (span > 0 and span + \(variant.patience) or 0) .. "ms" })
        end
        function words.wait(i, type) hear(i, await(type)) end
        function words.both(i, _, span)
          local heard = await { all = { "Nod", "Wink" }, within = span + \(variant.patience) .. "ms" }
          tell("Noted", { i = i, p = heard and heard.Nod.position or 0, q = heard and heard.Wink.position or 0 })
        end
        function words.nap(i, _, span) sleep(span + \(variant.patience) .. "ms") end
        function words.spin(i, type, count)
          local heard = 0
          for _ = 1, count do
            if await { type, within = "0s" } then heard = heard + 1 end
          end
          tell("Noted", { heard = heard, i = i })
        end
        function words.note(i) tell("Noted", { i = i, v = \(variant.note) }) end
        function words.till(_, _, time)
          if now() < time then error("till@" .. now(), 0) end
        end
        function words.back(i) rollback("enough", "Undone", { i = i, n = d.n }) end
        function words.again(i) restart { n = d.n, ops = table.move(d.ops, i + 1, #d.ops, 1, array {}) } end
        for i, text in ipairs(d.ops) do
          local word, name, number = string.match(text, "^(%a+) (%w+) (%d+)$")
          words[word](i, name, tonumber(number))
        end
        tell("Closed", { v = \(variant.version) })
      end,
    }
    """
  }
}
