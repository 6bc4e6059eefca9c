import Foundation
import TestKit

/// strace on a daemon: the file calls it makes, and faults injected into them.
struct Tracer {
  static let path = "/usr/bin/strace"
  static let isPossible: Bool = Tool.run(path, ["-f", "-o", "/dev/null", "/bin/true"])?.code == 0
  static let needs = "needs strace (Debian: strace) and the right to trace (in a container CAP_SYS_PTRACE)"
  /// Attaching to a process that is no child of strace's.
  static let mayAttach: Bool = {
    let scope = (try? String(contentsOfFile: "/proc/sys/kernel/yama/ptrace_scope", encoding: .utf8)) ?? "0"
    return isPossible && (geteuid() == 0 || scope.first == "0")
  }()
  static let attachNeeds = needs + ", and to attach: root, or kernel.yama.ptrace_scope=0"

  private static let traced = ["pwrite64", "fdatasync", "fsync", "renameat", "ftruncate"]

  /// Where strace writes what it sees.
  let file: String
  /// The only files whose calls are traced, and counted for faults; none: all.
  var only: [String] = []

  /// What a daemon is started through: the process that a test started stays the daemon itself (`-D`).
  /// - fault: as strace wants it, `fdatasync:error=EIO:when=3`; counted by each thread for itself.
  func wrapper(fault: String) -> [String] {
    [Self.path, "-D"] + arguments(fault: fault)
  }

  private func arguments(fault: String) -> [String] {
    ["-f", "-y", "-o", file, "-e", "trace=" + Self.traced.joined(separator: ","), "-e", "inject=" + fault]
      + only.flatMap { ["-P", $0] }
  }

  /// Attaches to a running daemon; from the return on, faults are counted from 1.
  func attach(to daemon: DaemonProcess, fault: String) async throws -> Attached {
    let strace = try RunningProgram(Self.path, arguments(fault: fault) + ["-p", "\(daemon.identifier)"])
    try await eventually("strace to attach") {
      // Every thread is stopped and has been seen once it says how many there are.
      strace.errorsSoFar.contains("attached") ? nil : strace.errorsSoFar
    }
    return Attached(strace: strace)
  }

  struct Attached {
    fileprivate let strace: RunningProgram

    /// Lets go of the daemon: the kernel does, when who traces is gone.
    func detach() throws {
      strace.send(SIGKILL)
      try strace.wait()
    }
  }

  /// One call, in the order in which they began.
  struct Call: CustomStringConvertible {
    var name: String
    /// The file, or the new name of a rename.
    var path: String
    /// When it ended, in lines; greater than the number of every line when it never did.
    var ended = Int.max
    var began: Int
    var isInjected = false
    var description: String { "\(name) \(path)" }
  }

  /// Everything that was traced, after the daemon's end.
  func calls() async throws -> [Call] {
    var lines: [Substring] = []
    try await eventually(within: 10, "the end of the trace") {
      let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
      lines = text.split(separator: "\n")
      // The tracer lives a moment longer than what it traces.
      return lines.last?.contains("+++") == true ? nil : "\(lines.last ?? "")"
    }
    var calls: [Call] = []
    var pending: [Substring: Int] = [:]
    for (number, line) in lines.enumerated() {
      let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
      guard parts.count == 2 else { continue }
      let (thread, rest) = (parts[0], parts[1].drop { $0 == " " })
      if rest.hasPrefix("<... ") {
        guard let index = pending.removeValue(forKey: thread) else { continue }
        calls[index].ended = number
        calls[index].isInjected = rest.contains("(INJECTED)")
      } else if let open = rest.firstIndex(of: "("), Self.traced.contains(String(rest[..<open])) {
        var call = Call(name: String(rest[..<open]), path: Self.path(in: rest), began: number)
        if rest.hasSuffix("<unfinished ...>") {
          pending[thread] = calls.count
        } else {
          call.ended = number
          call.isInjected = rest.contains("(INJECTED)")
        }
        calls.append(call)
      }
    }
    return calls
  }

  /// `renameat(AT_FDCWD</x>, "a", AT_FDCWD</x>, "b")` → b; `fsync(7</x/log>)` → /x/log.
  private static func path(in call: Substring) -> String {
    if call.hasPrefix("renameat") {
      let quoted = call.split(separator: "\"", omittingEmptySubsequences: false)
      return quoted.count > 3 ? String(quoted[3]) : ""
    }
    guard let open = call.firstIndex(of: "<"), let close = call[open...].firstIndex(of: ">") else { return "" }
    return String(call[call.index(after: open)..<close])
  }
}
