/// How fast a fold goes through the log: positions a second, over the last seconds.
struct Pace {
  private var start: (time: UInt64, position: UInt64)?
  private(set) var perSecond: Double = 0

  /// Nanoseconds over which a figure is measured.
  private static let span: UInt64 = 500_000_000

  mutating func note(_ position: UInt64, at now: UInt64) {
    guard let start, position >= start.position, now >= start.time else {
      self.start = (now, position)
      return
    }
    let time = now - start.time
    if time < Self.span { return }
    let rate = Double(position - start.position) * 1e9 / Double(time)
    // The first figure counts at once; later ones smooth it.
    perSecond = perSecond == 0 ? rate : perSecond * 0.7 + rate * 0.3
    self.start = (now, position)
  }

  /// Seconds for `count` more positions; nil while nothing is known.
  func seconds(for count: UInt64) -> Double? { perSecond > 0 ? Double(count) / perSecond : nil }
}
