import ArgumentParser
import Client
import Wire

/// `moondance status`
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Say what the daemon runs and how far every consumer is.",
    discussion: """
      EXAMPLES
        moondance status
        moondance status --json | jq '.consumers[] | select(.blocked > 0)'
      """)

  @Flag(help: "Print what the daemon answers.")
  var json = false

  @OptionGroup var server: ServerOptions

  func run() throws {
    Terminal.ignoreBrokenPipes()
    if json { return Terminal.print(String(decoding: try server.run { try $0.statusBytes() }, as: UTF8.self)) }
    Terminal.print(Self.text(of: try server.run { try $0.status() }))
  }

  static func text(of status: StatusReport) -> String {
    var lines = [
      "moondance \(status.version)",
      "generation \(status.generation.number): \(status.generation.scripts.map(\.path).joined(separator: ", "))",
    ]
    if let error = status.generation.error {
      lines += ["THE HANDLERS FOLDER DOES NOT LOAD; the generation above runs on:"]
      lines += error.split(separator: "\n").map { "  \($0)" }
    }
    lines.append(
      "log at \(status.log.head), durable to \(status.log.durable), \(bytes(status.log.bytes)), \(status.log.name)")
    let rows = status.consumers.map { consumer in
      [
        consumer.name, consumer.kind, consumer.state, "\(consumer.cursor)", "\(consumer.lag)", "\(consumer.blocked)",
        "\(consumer.queued)", "\(consumer.deadLetters)",
      ]
    }
    if rows.isEmpty {
      lines.append("no consumers")
    } else {
      lines.append("")
      lines += table([["consumer", "kind", "state", "cursor", "lag", "blocked keys", "waiting", "dead letters"]] + rows)
    }
    return lines.joined(separator: "\n")
  }

  /// Columns below each other: text to the left, numbers to the right.
  private static func table(_ rows: [[String]]) -> [String] {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      row.enumerated().map { column, text in
        let space = String(repeating: " ", count: widths[column] - text.count)
        return column < 3 ? text + space : space + text
      }.joined(separator: "  ")
    }
  }

  private static func bytes(_ count: UInt64) -> String {
    count < 10_000 ? "\(count) bytes" : count < 10_000_000 ? "\(count / 1000) kB" : "\(count / 1_000_000) MB"
  }
}
