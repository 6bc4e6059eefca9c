import ArgumentParser
import Client
import Foundation
import Wire

/// `moondance emit`
struct EmitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emit",
    abstract: "Append an event, or a file of them.",
    discussion: """
      Prints the position of the event once it is durable. With --file it sends CloudEvents, one a line, and prints how \
      many there were; events that the log has already (same source and id) are not appended again.

      EXAMPLES
        moondance emit OrderPaid --subject order-1 --data '{"price": 524.96}'
        moondance emit --file events.ndjson
        zcat history.ndjson.gz | moondance emit --file -
      """)

  @Argument(help: "The event's type.")
  var type: String?

  @Option(help: ArgumentHelp("What the event is about.", valueName: "subject"))
  var subject: String?

  @Option(help: ArgumentHelp("The event's data.", valueName: "json"))
  var data: String?

  @Option(help: ArgumentHelp("Who says so; needed with --id.", valueName: "source"))
  var source: String?

  @Option(help: ArgumentHelp("The event's identity at its source: sending it again appends nothing.", valueName: "id"))
  var id: String?

  @Option(help: ArgumentHelp("A file of CloudEvents, one a line; - is standard input.", valueName: "file"))
  var file: String?

  @Flag(help: "Print what the daemon answers.")
  var json = false

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if file != nil {
      if type != nil || subject != nil || data != nil || id != nil || source != nil {
        throw ValidationError("--file sends whole events: leave type, --subject, --data, --source and --id out")
      }
      return
    }
    guard type != nil else { throw ValidationError("what is to be emitted? moondance emit TYPE --subject S --data JSON, or --file F") }
    guard subject != nil else { throw ValidationError("--subject says what the event is about: --subject order-1") }
    if id != nil && source == nil { throw ValidationError("an --id is one of a --source: give both") }
    if let data, let problem = JSONProblem(in: data) { throw ValidationError("--data is not JSON: \(problem.text)") }
  }

  func run() throws {
    Terminal.ignoreBrokenPipes()
    if let file { return try stream(file) }
    let receipt = try server.run { try $0.append(Array(event().utf8)) }
    if json { return Terminal.print(try Self.json(receipt)) }
    Terminal.print("\(receipt.first ?? 0)\(receipt.duplicates > 0 ? " (it was there already)" : "")")
  }

  private func event() -> String {
    var fields = ["\"specversion\":\"1.0\"", "\"type\":\(Self.quoted(type ?? ""))", "\"subject\":\(Self.quoted(subject ?? ""))"]
    if let source { fields.append("\"source\":\(Self.quoted(source))") }
    if let id { fields.append("\"id\":\(Self.quoted(id))") }
    if let data { fields.append("\"datacontenttype\":\"application/json\",\"data\":\(data)") }
    return "{\(fields.joined(separator: ","))}"
  }

  private static func quoted(_ text: String) -> String {
    let data = try? JSONSerialization.data(withJSONObject: text, options: [.fragmentsAllowed, .withoutEscapingSlashes])
    return String(decoding: data ?? Data("\"\"".utf8), as: UTF8.self)
  }

  private static func json(_ receipt: AppendReceipt) throws -> String {
    String(decoding: try JSONEncoder().encode(receipt), as: UTF8.self)
  }

  private func stream(_ file: String) throws {
    Interrupt.watch()
    let descriptor = file == "-" ? 0 : open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      Terminal.error("cannot read \(file): \(String(cString: strerror(errno)))")
      throw ExitCode(1)
    }
    defer { if descriptor > 0 { close(descriptor) } }
    var feed = LineFeed(descriptor: descriptor)
    let receipt = try server.run { try $0.appendStream { feed.fill($0) } }
    feed.endProgress()
    if json { return Terminal.print(try Self.json(receipt)) }
    Terminal.print(Self.summary(receipt) + (feed.wasInterrupted ? " (interrupted)" : ""))
    if feed.wasInterrupted { throw ExitCode(1) }
  }

  static func summary(_ receipt: AppendReceipt) -> String {
    let count = "\(receipt.count) event\(receipt.count == 1 ? "" : "s")"
    let duplicates = "\(receipt.duplicates) duplicate\(receipt.duplicates == 1 ? "" : "s")"
    guard let first = receipt.first, let last = receipt.last, receipt.duplicates < receipt.count else {
      return receipt.count == 0 ? "\(count): the input was empty" : "\(count), \(duplicates), nothing appended"
    }
    return "\(count), positions \(first)–\(last), \(duplicates)"
  }
}

/// Reads a file for the stream, in whole lines so that Ctrl-C ends it between two events, and shows how far it is.
struct LineFeed {
  private let descriptor: Int32
  private let total: Int
  private var sent = 0
  private var began = ContinuousClock.now
  private var shown = ContinuousClock.now
  private var endsLine = true
  private(set) var wasInterrupted = false
  private var isShown = false

  init(descriptor: Int32) {
    self.descriptor = descriptor
    var status = stat()
    total = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : 0
  }

  mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    var limit = buffer.count
    if Interrupt.happened {
      wasInterrupted = true
      if endsLine { return 0 }
      limit = 1
    }
    var count = 0
    while true {
      count = read(descriptor, buffer.baseAddress, limit)
      if count < 0 && errno == EINTR && !Interrupt.happened { continue }
      break
    }
    guard count > 0 else { return 0 }
    sent += count
    endsLine = buffer[count - 1] == UInt8(ascii: "\n")
    show()
    return count
  }

  /// On standard error, after two seconds, when somebody looks.
  private mutating func show() {
    let now = ContinuousClock.now
    guard isatty(2) != 0, now - began > .seconds(2), now - shown > .milliseconds(200) else { return }
    shown = now
    isShown = true
    let share = total > 0 ? " of \(total >> 20) MiB (\(sent * 100 / max(1, total)) %)" : ""
    FileHandle.standardError.write(Data("\rsent \(sent >> 20) MiB\(share)".utf8))
  }

  func endProgress() {
    if isShown { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
  }
}
