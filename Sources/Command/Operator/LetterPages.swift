import Client
import Wire

/// Reads a list of dead letters to its end, or to a limit, a page at a time.
enum LetterPages {
  static let largest = 1000

  /// Calls `body` for each page; a page of a filtered list may be empty although others follow.
  static func forEach(
    _ selection: DeadLetterSelection, limit: Int = .max, _ page: (DeadLetterSelection) throws -> Reply<DeadLetterList>,
    _ body: (_ page: Reply<DeadLetterList>, _ isLast: Bool) throws -> Void
  ) throws {
    var selection = selection
    var left = limit
    while true {
      selection.limit = min(left, largest)
      let reply = try page(selection)
      left -= reply.value.deadLetters.count
      let isLast = reply.value.next == nil || left <= 0
      try body(reply, isLast)
      if isLast { return }
      selection.after = reply.value.next
    }
  }
}

/// Prints the list as it comes.
struct LetterPrinter {
  let isJSON: Bool
  let width: Int?
  private var table: TextTable
  private var count = 0
  private var total = 0
  private var isCut = false

  init(of kind: DeadLetterKind = .events, isJSON: Bool, width: Int?) {
    (self.isJSON, self.width) = (isJSON, width)
    table = TextTable(
      ["ID", kind.owner.uppercased(), "KEY", "POSITION", "TYPE", "ATTEMPTS", "STATE", "WAITING", "ERROR"],
      numbers: [3, 5, 7])
  }

  /// Prints what is chosen, a page at a time; of the outbox, how the destinations are before it.
  static func list(_ selection: DeadLetterSelection, limit: Int, _ server: ServerOptions) throws {
    try server.withClient { client in
      var printer = LetterPrinter(of: selection.kind, isJSON: server.json, width: Output.terminalWidth)
      var isFirst = true
      try LetterPages.forEach(selection, limit: limit, { try client.deadLetters($0) }) { page, isLast in
        if isFirst, !server.json, let outbox = page.value.outbox {
          try Output.print(StatusText.destinations(outbox) + (page.value.total > 0 ? "\n" : ""))
        }
        isFirst = false
        for line in printer.lines(page, isLast: isLast) { try Output.write(line + [UInt8(ascii: "\n")]) }
      }
      if let rest = printer.rest(of: selection) { Output.complain(rest) }
    }
  }

  /// The lines for a page. As JSON a page that found nothing is left out, unless it is the last: then it says so.
  mutating func lines(_ page: Reply<DeadLetterList>, isLast: Bool) -> [[UInt8]] {
    count += page.value.deadLetters.count
    total = page.value.total
    isCut = isLast && page.value.next != nil
    if isJSON { return page.value.deadLetters.isEmpty && !isLast ? [] : [page.json] }
    if page.value.deadLetters.isEmpty { return [] }
    return table.lines(page.value.deadLetters.map(Self.row), width: width).map { Array($0.utf8) }
  }

  /// What there is to say below the list: that it is empty, or goes on.
  func rest(of selection: DeadLetterSelection) -> String? {
    if isJSON { return nil }
    if count == 0 {
      return total == 0 ? "there are no dead letters" : "none of the \(counted(total, "dead letter")) is of this kind"
    }
    guard isCut else { return nil }
    let isFiltered = selection.key != nil || selection.type != nil || selection.error != nil
    return "the first \(count)\(isFiltered ? "" : " of \(total)"); --limit shows more"
  }

  private static func row(_ letter: DeadLetterReport) -> [String] {
    let error = letter.error.split(separator: "\n", omittingEmptySubsequences: false).first.map(String.init) ?? ""
    return [
      letter.id, letter.consumer ?? letter.destination ?? "-", letter.key, "\(letter.position)",
      letter.event?.type ?? letter.message?.type ?? "-", "\(letter.attempts)", letter.state, "\(letter.waiting)", error,
    ]
  }
}
