import Engine

/// What a script does with what it is given, from one wait to the next: the words of an errand, gone through by hand.
struct Course {
  enum Wait: Equatable {
    case outcome
    /// Spans in µs, here and below.
    case events([String], all: Bool, within: Int64?)
    case sleep(Int64)
    case ended
    /// With these words left.
    case restarted([Errand.Word])
  }

  enum Input: Equatable {
    case start
    case event(type: String, position: UInt64)
    /// How many events came of the command; nil: it was rejected.
    case outcome(Int?)
    case timeout, abort, cancel
  }

  struct Effect: Equatable {
    var type: String
    var subject: String
    var data: String
    var isCommand = false
  }

  let variant: Errand.Variant
  private let subject: String
  private let number: Int
  private let words: [Errand.Word]
  /// The word that it is at.
  private var place = 0
  private(set) var wait = Wait.ended
  /// Places of the payments that a rollback would undo.
  private(set) var undo: [Int] = []
  /// It was told to roll back, and does where it would wait next.
  private var isDoomed = false
  private(set) var isRollingBack = false
  /// The step that was made last fails.
  private(set) var hasFailed = false
  /// What tells of the rollback.
  private var farewell: Effect?
  /// Of the word that it is at: how often it has looked, and what it has heard.
  private var looks: Int64 = 0
  private var heard: [String: UInt64] = [:]
  private var effects: [Effect] = []
  private var now: Int64 = 0

  /// - words: those of the event, unless it has begun anew with others.
  init(_ variant: Errand.Variant, _ start: LogEvent, words: [Errand.Word]?) {
    self.variant = variant
    (subject, number) = (start.subject, start.content.number)
    self.words = words ?? start.content.words.compactMap { Errand.Word($0) }
  }

  /// - now: µs.
  mutating func resume(_ input: Input, now: Int64) -> [Effect] {
    (effects, self.now) = ([], now)
    switch input {
    case .start: goOn()
    case .cancel: wait = .ended
    case .abort where isDoomed || isRollingBack: break
    case .abort:
      isDoomed = true
      if wait != .outcome { rollBack() }
    case .outcome(let count) where isRollingBack:
      tell("Undid", "\"got\":\(count ?? 0),\"i\":\(place + 1),", "")
      takeBack()
    case .outcome(let count): paid(count)
    case .timeout where isRollingBack: pay(words[place].name, 1)
    case .event, .timeout: hear(input)
    }
    return effects
  }

  /// Goes through the words up to the next wait.
  private mutating func goOn() {
    while place < words.count {
      let word = words[place]
      let span = (word.number + variant.patience) * 1000
      switch word.kind {
      case .till where now / 1000 < word.number:
        hasFailed = true
        return
      case .till: break
      case .note: tell("Noted", "\"i\":\(place + 1),", ",\"v\":\(variant.note)")
      case .back:
        farewell = Effect(type: "Undone", subject: subject, data: "{\"i\":\(place + 1),\"n\":\(number)}")
        return rollBack()
      case _ where isDoomed: return rollBack()
      case .again:
        wait = .restarted(Array(words[(place + 1)...]))
        return
      case .pay, .need: return pay(word.name, word.number)
      case .hear:
        wait = .events([word.name], all: false, within: word.number > 0 ? span : 0)
        return
      case .wait:
        wait = .events([word.name], all: false, within: nil)
        return
      case .both:
        wait = .events(["Nod", "Wink"], all: true, within: span)
        return
      case .nap:
        wait = .sleep(span)
        return
      case .spin:
        wait = .events([word.name], all: false, within: 0)
        return
      }
      place += 1
    }
    tell("Closed", "", ",\"v\":\(variant.version)")
    wait = .ended
  }

  private mutating func next() {
    place += 1
    (looks, heard) = (0, [:])
    goOn()
  }

  private mutating func pay(_ account: String, _ amount: Int64) {
    effects.append(
      Effect(
        type: "Withdraw", subject: account, data: Bank.Entry(number: number, amount: amount).json, isCommand: true))
    wait = .outcome
  }

  private mutating func paid(_ count: Int?) {
    if count == nil, words[place].kind == .need {
      farewell = Effect(type: "Undone", subject: subject, data: "{\"i\":\(place + 1),\"n\":\(number)}")
      return rollBack()
    }
    tell("Noted", "\"got\":\(count ?? 0),\"i\":\(place + 1),", "")
    if count != nil { undo.append(place) }
    next()
  }

  private mutating func hear(_ input: Input) {
    var position: UInt64 = 0
    if case .event(let type, let at) = input {
      heard[type] = at
      position = at
    }
    switch words[place].kind {
    case .both:
      if case .events(let types, true, let within) = wait, position > 0, heard.count < 2 {
        wait = .events(types.filter { heard[$0] == nil }, all: true, within: within)
        return
      }
      let (nod, wink) = position > 0 ? (heard["Nod"] ?? 0, heard["Wink"] ?? 0) : (0, 0)
      tell("Noted", "\"i\":\(place + 1),", ",\"p\":\(nod),\"q\":\(wink)", isTimeLast: true)
    case .spin:
      looks += 1
      if position > 0 { heard["\(looks)"] = position }
      heard[words[place].name] = nil
      if looks < words[place].number { return }
      tell("Noted", "\"heard\":\(heard.count),\"i\":\(place + 1),", "")
    case .nap: break
    default: tell("Noted", "\"i\":\(place + 1),", ",\"p\":\(position)", isTimeLast: true)
    }
    next()
  }

  // MARK: taking back

  private mutating func rollBack() {
    isRollingBack = true
    takeBack()
  }

  /// The last payment first.
  private mutating func takeBack() {
    guard let last = undo.popLast() else {
      if let farewell { effects.append(farewell) }
      wait = .ended
      return
    }
    place = last
    if words[last].kind == .need { wait = .sleep(Errand.regret) } else { pay(words[last].name, 1) }
  }

  /// Members in the order of their names: `n` and `t` stand between those before and those behind, or before the time.
  private mutating func tell(_ type: String, _ before: String, _ behind: String, isTimeLast: Bool = false) {
    let time = ",\"t\":\(now / 1000)"
    let rest = isTimeLast ? behind + time : time + behind
    effects.append(Effect(type: type, subject: subject, data: "{\(before)\"n\":\(number)\(rest)}"))
  }
}
