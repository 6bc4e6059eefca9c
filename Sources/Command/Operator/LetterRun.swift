import ArgumentParser
import Client
import Foundation
import Wire

/// One verb on the letters that were chosen.
struct LetterRun {
  let verb: DeadLetterVerb
  /// Empty: all that `selection` chooses.
  let ids: [String]
  let selection: DeadLetterSelection

  init(verb: DeadLetterVerb, choice: LetterChoice<some LetterFiltering>) {
    (self.verb, ids, selection) = (verb, choice.ids, choice.filter.selection)
  }

  private var kind: DeadLetterKind { selection.kind }

  func run(_ server: ServerOptions) throws {
    try server.withClient { client in
      let (receipt, json) = try resolve(client, by: OperatorName.current)
      if server.json {
        try Output.write(json + [UInt8(ascii: "\n")])
      } else {
        try Output.print(text(receipt))
      }
      if receipt.left > 0 { throw ExitCode(1) }
    }
  }

  /// What became of them, in all, and as JSON.
  private func resolve(_ client: Client, by: String?) throws -> (ResolveReceipt, json: [UInt8]) {
    switch request(by: by) {
    case .one(let id):
      let reply = try client.resolve(verb, id, of: kind, by: by)
      return (reply.value, reply.json)
    case .whole(let request):
      let reply = try client.resolve(verb, request, of: kind)
      return (reply.value, reply.json)
    case .groups(let ids): return try resolve(ids, client, by)
    case .found(let selection):
      // All are found before the first is acted on: what fails again would come again as a new letter.
      var ids: [String] = []
      try LetterPages.forEach(selection, { try client.deadLetters($0) }) { page, _ in
        ids += page.value.deadLetters.map(\.id)
      }
      return try resolve(ids, client, by)
    }
  }

  private func resolve(
    _ ids: [String], _ client: Client, _ by: String?
  ) throws -> (ResolveReceipt, json: [UInt8]) {
    var sum = ResolveReceipt()
    for start in stride(from: 0, to: ids.count, by: LetterPages.largest) {
      let group = Array(ids[start..<min(start + LetterPages.largest, ids.count)])
      let part = try client.resolve(verb, ResolveRequest(ids: group, by: by), of: kind).value
      sum.resolved += part.resolved
      sum.unchanged += part.unchanged
      sum.left += part.left
      sum.notOpen += part.notOpen
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return (sum, Array(try encoder.encode(sum)))
  }

  enum Way: Equatable {
    case one(String)
    /// The daemon chooses them.
    case whole(ResolveRequest)
    case groups([String])
    /// They have to be looked for.
    case found(DeadLetterSelection)
  }

  /// How the choice is put to the daemon.
  func request(by: String?) -> Way {
    if !ids.isEmpty { return ids.count == 1 ? .one(ids[0]) : .groups(ids) }
    if selection.type != nil || selection.error != nil || selection.owner == nil && selection.key != nil {
      return .found(selection)
    }
    guard let owner = selection.owner else { return .whole(ResolveRequest(all: true, by: by)) }
    switch kind {
    case .events: return .whole(ResolveRequest(consumer: owner, key: selection.key, by: by))
    case .messages: return .whole(ResolveRequest(destination: owner, key: selection.key, by: by))
    }
  }

  func text(_ receipt: ResolveReceipt) -> String {
    var lines: [String] = []
    if receipt.resolved > 0 {
      lines.append("\(counted(receipt.resolved, "dead letter")) \(Self.done(verb))")
    }
    if receipt.unchanged > 0 { lines.append("\(counted(receipt.unchanged, "dead letter")) skipped already") }
    if receipt.left > 0 {
      lines.append(
        "\(counted(receipt.left, "dead letter")) left: so much waits for the \(kind.owner) already; try again when it is less"
      )
    }
    if !receipt.notOpen.isEmpty {
      let shown = receipt.notOpen.prefix(10).joined(separator: ", ")
      let more = receipt.notOpen.count > 10 ? " and \(receipt.notOpen.count - 10) more" : ""
      lines.append("not open any more: \(shown)\(more)")
    }
    return lines.isEmpty ? "there was nothing to \(verb.rawValue)" : lines.joined(separator: "\n")
  }

  private static func done(_ verb: DeadLetterVerb) -> String {
    switch verb {
    case .retry: "retried"
    case .skip: "skipped"
    case .discard: "discarded"
    }
  }
}
