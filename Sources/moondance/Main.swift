import Command
import ArgumentParser

/// The program: everything is in `Command`.
@main
enum Main {
  static func main() async { await MoondanceCommand.main() }
}
