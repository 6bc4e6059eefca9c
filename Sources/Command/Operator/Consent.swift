import ArgumentParser
import Foundation

/// A question before what cannot be taken back.
enum Consent {
  enum Answer: Equatable {
    case yes
    case no
    /// Nobody is there to be asked.
    case nobody
  }

  /// `ask` is called when somebody sits at the terminal and `--yes` was not given.
  static func answer(isGiven: Bool, isTerminal: Bool, ask: () -> String?) -> Answer {
    if isGiven { return .yes }
    guard isTerminal else { return .nobody }
    let word = ask()?.trimmingCharacters(in: .whitespaces).lowercased() ?? ""
    return word == "y" || word == "yes" ? .yes : .no
  }

  /// Says what will be done, and returns when that is wanted. It says so on standard error: what was done goes to standard
  /// output.
  /// - Parameter isGiven: the answer is yes already.
  /// - Throws: `ExitCode` 1 when it is not wanted; nothing must be done then.
  static func require(_ statement: String, isGiven: Bool) throws {
    Output.say(statement + "\n")
    let answer = answer(isGiven: isGiven, isTerminal: isatty(0) != 0) {
      Output.say("Go on? [y/N] ")
      return readLine()
    }
    switch answer {
    case .yes: return
    case .no: Output.complain("nothing was done")
    case .nobody: Output.complain("nothing was done: add --yes to do it")
    }
    throw ExitCode(1)
  }
}

/// Who types the commands.
enum OperatorName {
  /// The login name, when the log can keep it.
  static var current: String? {
    let name = NSUserName()
    let isFit = (1...128).contains(name.utf8.count) && EventLine.harmless(name) == name
    return isFit ? name : nil
  }
}

/// `1 event`, `2 events`
func counted(_ count: Int, _ thing: String) -> String { count == 1 ? "1 \(thing)" : "\(count) \(thing)s" }
