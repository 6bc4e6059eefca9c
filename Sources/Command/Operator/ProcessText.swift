import Wire

/// Instances of processes, for people.
enum ProcessText {
  static func list(_ list: ProcessList) -> String {
    if list.processes.isEmpty { return "no processes" }
    var lines = list.processes.map(summary)
    if !list.instances.isEmpty {
      var table = TextTable(["PROCESS", "KEY", "STATE", "VERSION", "STEPS", "WAITS FOR", "SINCE"], numbers: [3, 4])
      lines += [""]
      lines += table.lines(
        list.instances.map {
          [$0.process, $0.key, state($0), "\($0.version)", "\($0.steps)", wait($0.waitsFor), $0.waitsFor.since]
        })
    }
    let stays = list.instances.compactMap { instance in instance.stays.map { (instance, $0) } }
    if !stays.isEmpty {
      lines += [""]
      lines += stays.map { instance, stay in
        EventLine.harmless(
          "\(instance.key) stays on version \(instance.version): on \(stay.generation), step \(stay.step) \(stay.why)")
      }
    }
    if let next = list.next { lines += ["", "more: --after \(next)"] }
    return lines.joined(separator: "\n")
  }

  static func summary(_ process: ProcessList.Process) -> String {
    var text = "\(process.name): \(process.instances) running"
    if !process.versions.isEmpty { text += " (\(versions(of: process)))" }
    if process.retrying > 0 { text += ", \(process.retrying) retrying" }
    if process.stuck > 0 { text += ", \(process.stuck) stuck" }
    return EventLine.harmless(text)
  }

  /// Versions that are named; older ones are counted together.
  private static let mostVersions = 6

  private static func versions(of process: ProcessList.Process) -> String {
    let newestFirst = process.versions.sorted { $0.generation > $1.generation }
    let isLong = newestFirst.count > mostVersions
    let named = newestFirst.prefix(isLong ? mostVersions - 1 : mostVersions)
    var parts = named.reversed().map { "\($0.instances) on version \($0.generation)" }
    if isLong {
      let older = newestFirst.dropFirst(named.count)
      parts.insert("\(older.map(\.instances).reduce(0, +)) on \(older.count) older versions", at: 0)
    }
    return parts.joined(separator: ", ")
  }

  private static func state(_ instance: ProcessList.Instance) -> String {
    instance.isRollingBack ? "\(instance.state), rolling back" : instance.state
  }

  private static func wait(_ wait: ProcessList.Wait) -> String {
    switch wait.kind {
    case "outcome": "the outcome of a command"
    case "answer": "the answer to a request"
    case "sleep": "\(wait.deadline ?? "a time")"
    default:
      (wait.types ?? []).joined(separator: wait.all == true ? " and " : " or ")
        + (wait.deadline.map { ", until \($0)" } ?? "")
    }
  }

  static func timeline(_ report: ProcessTimelineReport) -> String {
    let instance = report.instance
    var lines = [
      "\(instance.process) \(instance.key): \(state(instance)), on version \(instance.version)",
      "waits for \(wait(instance.waitsFor)) since \(instance.waitsFor.since)",
    ]
    if let stays = instance.stays {
      lines.append("stays on version \(instance.version): on \(stays.generation), step \(stays.step) \(stays.why)")
    }
    if !instance.compensations.isEmpty {
      lines.append("a rollback runs: " + instance.compensations.map { "line \($0)" }.joined(separator: ", "))
    }
    if let letter = instance.deadLetter { lines.append("stuck with the dead letter \(letter)") }
    if let next = instance.nextTry { lines.append("is called again at \(next)") }
    if report.omitted > 0 { lines.append("\(report.omitted) steps before these") }
    for step in report.steps {
      lines.append("")
      let heard = step.heard.map { " \($0.type) at \($0.position)" } ?? ""
      lines.append("\(step.step). \(step.time)  \(step.kind)\(heard)")
      lines += step.made.map { "   → \($0.kind) \($0.type) \($0.about) at \($0.position)" }
    }
    if !report.mailbox.isEmpty {
      lines += ["", "heard and not yet awaited:"]
      lines += report.mailbox.map { "   \($0.type) at \($0.position)" }
    }
    return lines.map(EventLine.harmless).joined(separator: "\n")
  }

  static func told(_ receipt: ProcessReceipt, _ what: String) -> String {
    receipt.position.map { "\(what): told at \($0)" } ?? what
  }
}
