/// How long a start takes with the large log: after a stop in good order, and after the daemon was killed.
enum Restarting {
  static let workload: Workload = Workload("restart", "from the start of the process to ready, with the large log") {
    run in
    let log = try await LargeLog.of(run)
    let figures = try await run.inRounds("restart") {
      try await readyAfter(run, log.handlers, run.newFolder(), kills: false)
    } value: {
      try await readyAfter(run, log.handlers, log.data, kills: false)
    }
    let killed = try await run.inRounds("restart-killed") {
      try await readyAfter(run, log.handlers, run.newFolder(), kills: true)
    } value: {
      _ = try await readyAfter(run, log.handlers, log.data, kills: true)
      return try await readyAfter(run, log.handlers, log.data, kills: false)
    }
    let floorWhat = "a start with an empty folder"
    return [
      BenchResult(
        "restart", "\(workload.summary), after a stop", unit: "s", figures, floorWhat: floorWhat, budget: .atMost(2)),
      BenchResult(
        "restart-killed", "\(workload.summary), after kill -9", unit: "s", killed, floorWhat: floorWhat,
        budget: .atMost(2)),
    ]
  }

  private static func readyAfter(
    _ run: BenchRun, _ handlers: String, _ data: String, kills: Bool
  ) async throws -> Double {
    try run.goOn()
    return try await DaemonProcess.with(run, handlers: handlers, data: data) { daemon in
      if kills { daemon.kill() }
      return daemon.readyAfter
    }
  }
}

/// What the large log takes in RAM.
enum Resident {
  static let workload: Workload = Workload("memory", "RAM of the daemon with the large log") { run in
    let log = try await LargeLog.of(run)
    let empty = try await resident(run, log.handlers, run.newFolder())
    let restarted = try await resident(run, log.handlers, log.data)
    let floorWhat = "the daemon with an empty log"
    func result(_ name: String, _ what: String, _ value: Double, _ budget: BenchResult.Budget) -> BenchResult {
      BenchResult(name, what, unit: "MB", ([value], [empty]), floorWhat: floorWhat, budget: budget)
    }
    return [
      result("memory", "RAM right after the last event of the large log", log.resident, .atMost(300)),
      result("memory-peak", "the most that was in RAM while its events came", log.peak, .nothing),
      result("memory-restarted", "\(workload.summary), after a restart", restarted, .atMost(300)),
    ]
  }

  private static func resident(_ run: BenchRun, _ handlers: String, _ data: String) async throws -> Double {
    try run.goOn()
    return try await DaemonProcess.with(run, handlers: handlers, data: data) { daemon in
      try await Task.sleep(for: .seconds(2))
      return daemon.resident
    }
  }
}

/// What the daemon does when there is nothing to do.
enum Idling {
  static let workload: Workload = Workload(
    "idle", "CPU with the large log and a hundred consumers, when nothing happens"
  ) { run in
    let log = try await LargeLog.of(run)
    let many = try run.handlers(
      (0..<100).map { #"consumer "idle \#($0)" { on = { Nothing\#($0) = function(event) emit("Never") end } }"# }
        .joined(separator: "\n"))
    let figures = try await run.inRounds("idle") {
      try await percent(run, try run.quietHandlers(), run.newFolder())
    } value: {
      try await percent(run, many, log.data)
    }
    return [
      BenchResult(
        "idle", workload.summary, unit: "% of a core", figures, floorWhat: "one consumer and an empty log",
        budget: .atMost(1))
    ]
  }

  /// Over three seconds, after two in which what a start leaves to do is done.
  private static func percent(_ run: BenchRun, _ handlers: String, _ data: String) async throws -> Double {
    try await DaemonProcess.with(run, handlers: handlers, data: data) { daemon in
      try await Task.sleep(for: .seconds(2))
      let (before, start) = (daemon.processorSeconds, ContinuousClock.now)
      for _ in 0..<30 {
        try run.goOn()
        try await Task.sleep(for: .milliseconds(100))
      }
      return 100 * (daemon.processorSeconds - before) / (ContinuousClock.now - start).seconds
    }
  }
}
