import Foundation
package import Logging
import Platform
import Synchronization

/// The daemon's log on standard output, one line each, written by a thread of its own so that a blocked terminal never
/// holds up the engine.
package final class Console: Sendable {
  /// Lines that may wait; what comes beyond them is counted and left out.
  private static let mostWaiting = 65_536

  private let format: RunConfiguration.LogFormat
  private let inbox = Inbox<Line>()
  private let waiting = Atomic<Int>(0)
  private let left = Atomic<Int>(0)
  private let thread = Mutex<NamedThread?>(nil)

  private enum Line: Sendable {
    case line(time: Int64, level: String, label: String, message: String, fields: [(String, String)])
    case stop
  }

  package init(format: RunConfiguration.LogFormat) {
    self.format = format
    thread.withLock { $0 = NamedThread.start(name: "console") { self.loop() } }
  }

  /// Any thread. `label`: who speaks, a consumer or a part of the daemon. Control characters are escaped.
  package func write(_ level: String, _ label: String, _ message: String, _ fields: [(String, String)] = []) {
    guard waiting.load(ordering: .relaxed) < Self.mostWaiting else {
      left.add(1, ordering: .relaxed)
      return
    }
    waiting.add(1, ordering: .relaxed)
    let time = Int64(Date().timeIntervalSince1970 * 1000)
    inbox.put(.line(time: time, level: level, label: label, message: message, fields: fields))
  }

  /// Writes what waits and ends.
  package func stop() {
    inbox.put(.stop)
    let started = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    started?.join()
  }

  private func loop() {
    var lines: [Line] = []
    while true {
      _ = inbox.waitAndTakeAll(into: &lines)
      var text = ""
      var isLast = false
      for line in lines {
        guard case .line(let time, let level, let label, let message, let fields) = line else {
          isLast = true
          continue
        }
        waiting.subtract(1, ordering: .relaxed)
        text += render(time, level, label, message, fields)
      }
      let dropped = left.exchange(0, ordering: .relaxed)
      if dropped > 0 {
        text += render(
          Int64(Date().timeIntervalSince1970 * 1000), "warning", "moondance",
          "\(dropped) log lines were left out: the terminal or pipe is slower than the scripts that log", [])
      }
      FileHandle.standardOutput.write(Data(text.utf8))
      if isLast { return }
    }
  }

  private func render(
    _ time: Int64, _ level: String, _ label: String, _ message: String, _ fields: [(String, String)]
  ) -> String {
    switch format {
    case .text:
      let extra = fields.map { " \($0.0)=\(Self.escaped($0.1))" }.joined()
      let padded = level.padding(toLength: 7, withPad: " ", startingAt: 0)
      return "\(Self.clock(time)) \(padded) \(Self.escaped(label)): \(Self.escaped(message))\(extra)\n"
    case .json:
      var object: [String: String] = ["time": Self.stamp(time), "level": level, "label": label, "message": message]
      for (name, value) in fields { object[name] = value }
      let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
      return String(decoding: data ?? Data(), as: UTF8.self) + "\n"
    }
  }

  /// Control characters from outside must not move the cursor of the operator's terminal. A line break of a message
  /// of several lines is kept and indented.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x0A: result += "\n    "
      case 0..<0x20, 0x7F..<0xA0: result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func stamp(_ time: Int64) -> String {
    Date(timeIntervalSince1970: Double(time) / 1000).formatted(
      .iso8601.year().month().day().time(includingFractionalSeconds: true))
  }

  private static func clock(_ time: Int64) -> String {
    let text = stamp(time)
    guard let t = text.firstIndex(of: "T") else { return text }
    return String(text[text.index(after: t)...].prefix(12))
  }
}

/// swift-log's way to the console, for the libraries that use it.
package struct ConsoleLogHandler: LogHandler {
  private let console: Console
  private let label: String
  package var logLevel: Logger.Level = .warning
  package var metadata: Logger.Metadata = [:]

  package init(label: String, console: Console) {
    self.label = label
    self.console = console
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    console.write(event.level.rawValue, label, event.message.description, fields.map { ($0.key, "\($0.value)") })
  }
}
