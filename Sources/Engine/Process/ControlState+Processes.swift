extension ControlState {
  /// Those that are declared, or have left instances.
  var processes: [ReaderState] { readers.filter { $0.kind == .process && $0.life != .forgotten } }

  /// Every process with its instances counted.
  package var processCounts: [ProcessCount] { processes.map { ProcessCount($0) } }

  package func hasProcess(named name: String) -> Bool { reader(named: name, kind: .process) != nil }
}

extension ProcessCount {
  init(_ reader: ReaderState) {
    self.init(process: reader.name)
    instances = reader.open.count
    generations = reader.open.byGeneration
    stuck = reader.blocked.deadCount
    retrying = reader.blocked.count - stuck
  }
}
