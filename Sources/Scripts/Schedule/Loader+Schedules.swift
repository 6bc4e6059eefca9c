internal import Events

/// Schedules: what they make is checked when all files have run, since contracts and owners may stand in any of them.
extension Loader {
  func readSchedule(
    _ declared: LoadRun.Declared, _ interpreter: Interpreter, among others: [ScheduleDeclaration]
  ) -> (schedule: ScheduleDeclaration?, errors: [LoadError]) {
    var reader = ScheduleReader(declared: declared, interpreter: interpreter, outline: texts[declared.file]?.outline)
    let schedule = reader.read()
    if let other = others.first(where: { $0.name.utf8.elementsEqual(declared.name.utf8) }) {
      return (nil, reader.errors + [Self.doubled(declared, other.file, other.line)])
    }
    return (schedule, reader.errors)
  }

  /// Holds what schedules emit against its contract, and looks for the owners of what they send.
  mutating func checkSchedules(_ loaded: inout LoadedScripts) {
    let contracts = ContractSet(loaded.contracts.map(\.declaration))
    let owners = loaded.owners
    for index in loaded.schedules.indices {
      if loaded.schedules[index].effect.isCommand {
        checkOwner(of: loaded.schedules[index], owners)
      } else {
        checkData(of: &loaded.schedules[index], contracts)
      }
    }
  }

  private mutating func checkOwner(of schedule: ScheduleDeclaration, _ owners: CommandOwners) {
    // An aggregate that does not load is told of already.
    guard errors.isEmpty else { return }
    let command = schedule.effect.type
    if Array(command.utf8).withUnsafeBytes({ owners[$0] }) != nil { return }
    report(
      LoadError(
        file: schedule.file, line: line(of: "send", schedule), what: "nobody owns \"\(command)\"",
        hint: owners.near(command).map { "did you mean \($0)?" }
          ?? "an aggregate owns it: write aggregate \"name\" { commands = { \(command) = function(state, command) … end } }"
      ))
  }

  private mutating func checkData(of schedule: inout ScheduleDeclaration, _ contracts: ContractSet) {
    let type = Array(schedule.effect.type.utf8)
    guard let contract = type.withUnsafeBytes({ contracts[$0] }) else { return }
    schedule.effect.contractVersion = contract.version
    guard let schema = contract.schema else { return }
    let checked = schedule.effect.data.withUnsafeBytes { bytes in
      Result { () throws(SchemaViolation) in try SchemaCheck.checkMade(bytes, schema) }
    }
    switch checked {
    case .success(let emptyArrays):
      for offset in emptyArrays {
        schedule.effect.data[offset] = UInt8(ascii: "[")
        schedule.effect.data[offset + 1] = UInt8(ascii: "]")
      }
    case .failure(let violation):
      report(
        LoadError(
          file: schedule.file, line: line(of: "data", schedule), what: "emit(\"\(contract.type)\"): \(violation)",
          hint: "the contract is in \(contract.file):\(contract.line)"))
    }
  }

  func line(of key: String, _ schedule: ScheduleDeclaration) -> Int {
    texts[schedule.file]?.outline.line(of: [key], in: schedule.name, near: schedule.line) ?? schedule.line
  }
}
