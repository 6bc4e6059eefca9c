/// Finds the name that was probably meant.
package enum NearestName {
  /// The candidate with the smallest edit distance to `name` (insert, delete, replace, swap of neighbours; case counts
  /// half), if that is small for its length: at most a third of it, and at most 3. The first of equals wins.
  package static func of(_ name: String, among candidates: some Sequence<String>) -> String? {
    let limit = Double(min(3, max(1, name.utf8.count / 3)))
    var best: (name: String, distance: Double)?
    for candidate in candidates where candidate != name {
      let distance = Self.distance(Array(name.utf8), Array(candidate.utf8), limit: limit)
      if distance <= limit, distance < (best?.distance ?? .infinity) { best = (candidate, distance) }
    }
    return best?.name
  }

  /// As `of`, but stricter: for warnings, where a wrong guess is worse than silence. Names that differ in digits only
  /// (`Step1`, `Step2`) are different on purpose.
  static func likely(_ name: String, among candidates: some Sequence<String>) -> String? {
    guard name.utf8.count >= 4 else { return nil }
    let limit = name.utf8.count >= 12 ? 2.0 : 1.0
    let likely = candidates.lazy.filter {
      abs($0.utf8.count - name.utf8.count) <= Int(limit) && !withoutDigits($0).elementsEqual(withoutDigits(name))
    }
    return of(name, among: likely).flatMap {
      distance(Array(name.utf8), Array($0.utf8), limit: limit) <= limit ? $0 : nil
    }
  }

  private static func withoutDigits(_ name: String) -> some Sequence<UInt8> {
    name.utf8.lazy.filter { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  static func distance(_ left: [UInt8], _ right: [UInt8], limit: Double) -> Double {
    if abs(left.count - right.count) > Int(limit) { return .infinity }
    var beforePrevious: [Double] = []
    var previous = (0...right.count).map(Double.init)
    for i in 0..<left.count {
      var current = [Double(i + 1)]
      for j in 0..<right.count {
        var cost = min(previous[j + 1] + 1, current[j] + 1, previous[j] + difference(left[i], right[j]))
        if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
          cost = min(cost, beforePrevious[j - 1] + 1)
        }
        current.append(cost)
      }
      (beforePrevious, previous) = (previous, current)
    }
    return previous[right.count]
  }

  private static func difference(_ left: UInt8, _ right: UInt8) -> Double {
    if left == right { return 0 }
    return left ^ right == 0x20 && (0x41...0x5A).contains(left & 0xDF) ? 0.5 : 1
  }
}
