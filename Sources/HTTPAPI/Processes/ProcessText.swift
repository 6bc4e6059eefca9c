internal import Engine
internal import Events
internal import Wire

/// What the engine knows of instances, as the API writes it.
extension ProcessList {
  init(_ page: ProcessPage) {
    self.init(
      processes: page.processes.map { Process($0) }, instances: page.instances.map { Instance($0) },
      next: page.next?.description)
  }
}

extension ProcessList.Process {
  init(_ count: ProcessCount) {
    self.init(
      name: count.process, instances: count.instances,
      versions: count.generations.sorted { $0.key < $1.key }.map { .init(generation: $0.key, instances: $0.value) },
      retrying: count.retrying, stuck: count.stuck)
  }
}

extension ProcessList.Instance {
  init(_ report: ProcessReport) {
    let instance = report.instance
    self.init(
      process: report.process, key: report.key.description, state: report.state.rawValue,
      version: instance.generation,
      stays: instance.stays.map { .init(generation: $0.generation, step: Int($0.step) + 1, why: $0.what) },
      start: instance.start, steps: instance.stepCount, waitsFor: ProcessList.Wait(instance.wait),
      compensations: instance.compensations.map { Int($0) },
      isRollingBack: instance.isRollingBack, heard: instance.mailbox.count,
      alreadyRunning: Int(instance.ignoredStarts),
      deadLetter: report.state == .stuck ? report.failure?.description : nil,
      nextTry: report.nextTry.map { Timestamp.text($0) })
  }
}

extension ProcessList.Wait {
  init(_ wait: ProcessInstance.Wait) {
    let isForEvents = wait.kind == .events
    self.init(
      kind: "\(wait.kind)", types: isForEvents ? wait.types : nil, all: isForEvents && wait.all ? true : nil,
      since: Timestamp.text(wait.since), deadline: wait.deadline.map { Timestamp.text($0) })
  }
}

extension ProcessTimelineReport {
  init(_ timeline: ProcessTimeline) {
    self.init(
      instance: ProcessList.Instance(timeline.report),
      steps: timeline.steps.map { step in
        Step(
          step: step.number, kind: "\(step.kind)", heard: step.heard.map { Entry($0) }, time: Timestamp.text(step.time),
          made: step.effects.map { Entry($0) })
      }, omitted: timeline.omitted, mailbox: timeline.mailbox.map { Entry($0) })
  }
}

extension ProcessTimelineReport.Entry {
  init(_ entry: ProcessTimeline.Entry) {
    self.init(
      position: entry.position.rawValue, kind: entry.kind, type: entry.type, about: entry.about,
      time: Timestamp.text(entry.time))
  }
}
