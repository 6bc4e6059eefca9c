import Foundation

/// A cost against a size, both in decades from left to right and from 0 upwards, as SVG.
struct CostPlot {
  let title: String
  let unit: String
  let curve: BenchResult.Curve

  private static let (width, height) = (640.0, 300.0)
  private static let (left, right, top, bottom) = (64.0, 150.0, 44.0, 48.0)

  private var most: Double { max(1e-9, curve.points.map { max($0.value, $0.floor) }.max() ?? 0) * 1.15 }

  /// Where a point lies; sizes are at least 1.
  private func place(_ size: Double, _ cost: Double) -> (x: Double, y: Double) {
    let sizes = curve.points.map { log10(max(1, $0.size)) }
    let (low, high) = (sizes.min() ?? 0, sizes.max() ?? 1)
    let part = high == low ? 0.5 : (log10(max(1, size)) - low) / (high - low)
    return (
      Self.left + part * (Self.width - Self.left - Self.right),
      Self.height - Self.bottom - cost / most * (Self.height - Self.top - Self.bottom)
    )
  }

  var svg: String {
    let base = Self.height - Self.bottom
    var parts = [
      """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" \
      font-family="sans-serif" font-size="12" fill="dimgray">
      <rect width="100%" height="100%" fill="white"/>
      <text x="\(Self.left)" y="22" font-size="13">\(Self.escaped(title))</text>
      <path d="M\(Self.left) \(Self.top)V\(base)H\(Self.width - Self.right)" fill="none" stroke="gray"/>
      """
    ]
    for step in 0...4 {
      let cost = most * Double(step) / 4
      let y = place(1, cost).y
      parts.append(
        #"<path d="M\#(Self.left) \#(Self.digits(y))H\#(Self.width - Self.right)" stroke="gainsboro"/>"#
          + #"<text x="\#(Self.left - 6)" y="\#(Self.digits(y + 4))" text-anchor="end">\#(FigureText.short(cost))</text>"#
      )
    }
    for point in curve.points {
      let x = Self.digits(place(point.size, 0).x)
      parts.append(#"<text x="\#(x)" y="\#(base + 18)" text-anchor="middle">\#(FigureText.size(point.size))</text>"#)
    }
    parts.append(
      #"<text x="\#((Self.left + Self.width - Self.right) / 2)" y="\#(base + 38)" text-anchor="middle">"#
        + "\(Self.escaped(curve.axis))</text>")
    parts.append(line(\.floor, "darkgray", "the handler alone"))
    parts.append(line(\.value, "steelblue", Self.escaped(unit)))
    return (parts + ["</svg>", ""]).joined(separator: "\n")
  }

  private func line(_ cost: KeyPath<BenchResult.Point, Double>, _ colour: String, _ label: String) -> String {
    let places = curve.points.map { place($0.size, $0[keyPath: cost]) }
    let path = places.map { "\(Self.digits($0.x)) \(Self.digits($0.y))" }.joined(separator: "L")
    let dots = places.map {
      #"<circle cx="\#(Self.digits($0.x))" cy="\#(Self.digits($0.y))" r="3" fill="\#(colour)"/>"#
    }
    let last = places.last ?? (0, 0)
    return #"<path d="M\#(path)" fill="none" stroke="\#(colour)" stroke-width="2"/>"# + dots.joined()
      + #"<text x="\#(Self.digits(last.x + 10))" y="\#(Self.digits(last.y + 4))" fill="\#(colour)">\#(label)</text>"#
  }

  private static func digits(_ value: Double) -> String { String(format: "%.1f", value) }

  private static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
  }
}
