/// What the oracle knows of a consumer: lists.
struct ReaderModel {
  var number: UInt32
  var behaviour: Behaviour
  var cursor: UInt64
  var isPaused = false
  var isRemoved = false
  var isForgotten = false
  var waiting: [WorkKey: Waiting] = [:]
  /// Ascending.
  var letters: [Letter] = []

  struct Waiting: Equatable {
    var units: [UInt64]
    var attempts = 0
    var isDead = false
    var next: Int64 = 0
    /// The last failure of the head: commit and place.
    var failure: LetterName?

    /// A unit finds its place by its position, but never before a head that was called.
    mutating func insert(_ position: UInt64, failure: LetterName? = nil) {
      let first = attempts > 0 || isDead ? 1 : 0
      var index = units.count
      while index > first, units[index - 1] > position { index -= 1 }
      units.insert(position, at: index)
      if index == 0 { self.failure = failure }
    }

    mutating func removeHead() {
      units.removeFirst()
      beginAnew()
    }

    mutating func beginAnew() { self = Waiting(units: units) }
  }

  struct Letter: Equatable {
    var name: LetterName
    var position: UInt64
    var key: WorkKey
    var isBlocking: Bool
  }

  mutating func change(_ key: WorkKey, _ change: (inout Waiting) -> Void) {
    var state = waiting[key] ?? Waiting(units: [])
    change(&state)
    waiting[key] = state.units.isEmpty ? nil : state
  }

  /// Other code: what waits for its next call is called at once, with all its attempts.
  mutating func codeChanged() {
    for (key, state) in waiting where !state.isDead {
      waiting[key]!.attempts = 0
      waiting[key]!.next = 0
      _ = state
    }
  }

  mutating func rewind(to cursor: UInt64) {
    self.cursor = cursor
    for (key, state) in waiting {
      var left = state
      left.units.removeAll { $0 > cursor }
      if left.units.first != state.units.first { left.beginAnew() }
      waiting[key] = left.units.isEmpty ? nil : left
    }
    letters.removeAll { $0.position > cursor }
  }
}

/// Names a failure in the log.
struct LetterName: Hashable {
  var commit: UInt64
  var index: UInt32

  var text: String { index == 0 ? "\(commit)" : "\(commit).\(index)" }
}
