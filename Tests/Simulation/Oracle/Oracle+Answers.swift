import Engine
import Events

/// Whether what was answered is so. Asked when the log has been read up to its end after the answer.
extension Oracle {
  func check(append index: Int, _ ledger: Ledger) throws(Violation) {
    let append = ledger.appends[index]
    let who = "append \(index) of \(append.items.map(\.number).brief)"
    guard let outcome = append.outcome else { return }
    let places = append.items.map { positions[$0.number] }
    switch outcome {
    case .appended(let first, let last, let count, let duplicates):
      try expect(
        !places.contains(nil), .kept, "\(who) was acknowledged as \(outcome), and is at \(places.map { $0 ?? 0 })")
      try expect(
        count == append.items.count && first.rawValue == places.first! && last.rawValue == places.last!, .answered,
        "\(who) is at \(places.map { $0! }), and was answered \(outcome)")
      let old = places.filter { $0! <= UInt64(append.head) }.count
      try expect(
        duplicates >= old && (duplicates > 0 || places.map { $0! } == Array(first.rawValue...last.rawValue)), .answered,
        "\(who) is at \(places.map { $0! }), \(old) of it before it was sent; it was answered \(outcome)")
      if duplicates < count { try checkExpectation(append, who, first: first.rawValue) }
      try checkStream(index, ledger, who)
    case .conflict(let entry, let position):
      try checkConflict(append.items, entry, position.rawValue, who)
    case .expectationFailed(let actual):
      try expect(
        append.expecting.map { $0 != actual.rawValue } ?? false
          && wasLast(actual.rawValue, of: append.items[0].subject, since: append.head), .answered,
        "\(who) expected \(append.expecting ?? 0), and was answered \(outcome)")
    case .noSpace, .streamFailed, .overloaded, .tooLarge, .readFailed, .stopped: break
    }
    if append.isRefused {
      for (item, place) in zip(append.items, places) where place != nil {
        try expect(
          ledger.mayBeIn(item.number), .answered, "\(who) was refused as \(outcome), and \(item.number) is at \(place!)"
        )
      }
    }
  }

  private func checkExpectation(_ append: Ledger.Append, _ who: String, first: UInt64) throws(Violation) {
    guard let expecting = append.expecting else { return }
    let before =
      events[..<Int(first - 1)].last { $0.timer == nil && !$0.isCommand && $0.subject == append.items[0].subject }?
      .position ?? 0
    try expect(
      before == expecting, .answered, "\(who) expected \(expecting) and was appended at \(first), behind \(before)")
  }

  /// The chunks of a stream go in in their order, and none behind one that was refused.
  private func checkStream(_ index: Int, _ ledger: Ledger, _ who: String) throws(Violation) {
    guard let stream = ledger.appends[index].stream else { return }
    let fresh = ledger.appends[index].items.filter { ledger.carriers[$0.number]?.count == 1 }.compactMap {
      positions[$0.number]
    }
    for earlier in 0..<index where ledger.appends[earlier].stream == stream {
      try expect(
        !ledger.appends[earlier].isRefused, .answered,
        "\(who) of a stream is in, and append \(earlier) before it was refused")
      for item in ledger.appends[earlier].items where ledger.carriers[item.number]?.count == 1 {
        try expect(
          positions[item.number] ?? 0 < fresh.first ?? .max, .oneOrder,
          "\(who) of a stream begins at \(fresh[0]), before \(item.number), which was sent before it")
      }
    }
  }

  /// Whether the subject's last event was at `position` at some moment since the log ended at `head`.
  private func wasLast(_ position: UInt64, of subject: String, since head: Int) -> Bool {
    if position > 0 {
      guard let last = event(position), last.subject == subject, last.timer == nil, !last.isCommand else {
        return false
      }
    }
    return !events.prefix(head).contains {
      $0.timer == nil && !$0.isCommand && $0.subject == subject && $0.position > position
    }
  }

  private func checkConflict(_ items: [Ledger.Item], _ index: Int, _ position: UInt64, _ who: String) throws(Violation)
  {
    let item = items[index]
    if position == 0 {
      return try expect(
        items[..<index].contains { $0.id == item.id && $0.number != item.number }, .answered,
        "\(who): \(item.number) conflicts with nothing before it")
    }
    let other = event(position)
    try expect(
      item.id != nil && other?.identity == item.id.map { "test \($0)" } && positions[item.number] != position,
      .answered,
      "\(who): \(item.number) is said to conflict with \(position), which is \(String(describing: other))")
  }

  func check(order index: Int, _ ledger: Ledger) throws(Violation) {
    let order = ledger.orders[index]
    let who = "\(Ledger.name(ofOrder: index)), \(order.verb)"
    let done = done[index] ?? Done()
    switch order.outcome {
    case .reader(.done(let receipt))?:
      try expect(
        done.records == (receipt.changed ? 1 : 0), .kept,
        "\(who) was answered \(receipt), and has \(done.records) records")
      if receipt.changed {
        try expect(
          done.droppedUnits == receipt.droppedUnits && done.droppedLetters == receipt.droppedLetters, .answered,
          "\(who) has dropped \(done.droppedUnits) and \(done.droppedLetters), and was answered \(receipt)")
      }
    case .letters(.done(let receipt))?:
      try expect(
        done.resolved == receipt.resolved, .kept, "\(who) has resolved \(done.resolved), and was answered \(receipt)")
      if case .letters(_, .ids(let ids)) = order.verb {
        try expect(
          Set(ids).count == receipt.resolved + receipt.notOpen.count + receipt.unchanged + receipt.left, .answered,
          "\(who) was answered \(receipt)")
      }
    case .reader(let outcome)?:
      if case .stopped(maybeIn: true) = outcome { return }
      try expect(done.records == 0, .answered, "\(who) was answered \(outcome), and was done")
    case .letters(.unknownConsumer)?, .letters(.stopped(maybeIn: false))?:
      try expect(done.records == 0, .answered, "\(who) was refused, and was done")
    case .letters?, nil: break
    }
  }

  /// The commit up to which the log must be durable for these answers to have been given.
  func commit(of append: Ledger.Append) -> UInt64 {
    switch append.outcome {
    case .conflict(_, let position)?: return event(position.rawValue)?.commit ?? 0
    case .expectationFailed(let actual)?: return event(actual.rawValue)?.commit ?? 0
    case .appended?: break
    default: return 0
    }
    return append.items.compactMap { positions[$0.number] }.compactMap { event($0)?.commit }.max() ?? 0
  }
}
