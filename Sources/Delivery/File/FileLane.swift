internal import Engine
internal import Events
internal import LogStorage
internal import Platform
internal import Scripts

/// Writes messages as lines of NDJSON to files in the outbox folder, on one thread for all of them.
///
/// Everything that waits goes into one write and one `fdatasync` for each file, and is answered after it. A file is
/// opened for each batch, so that whoever moves it away gets all lines so far and the next batch begins a new one.
final class FileLane: QueueLane {
  let queue: LaneQueue
  let thread: LaneThread

  init(in surroundings: Surroundings) {
    let bell = Doorbell()
    let queue = LaneQueue { bell.ring() }
    self.queue = queue
    thread = LaneThread(name: "deliver-file") {
      while !queue.isOver {
        let parcels = queue.take()
        if parcels.isEmpty { bell.wait() } else { Self.write(parcels, in: surroundings) }
      }
      queue.endAll()
    }
  }

  private static func write(_ parcels: [Parcel], in surroundings: Surroundings) {
    let now = surroundings.clock.monotonicNanoseconds()
    var batches: [String: [Parcel]] = [:]
    for parcel in parcels where parcel.mayBeSent(at: now) {
      guard case .file(let name) = parcel.attempt.destination.place else { continue }
      guard isPlain(name) else {
        parcel.end(.failed(DeliveryFailure(.impossible, "\"\(name)\" is not the plain name of a file")))
        continue
      }
      batches[name, default: []].append(parcel)
    }
    for (name, batch) in batches {
      var lines = ByteWriter(capacity: 4096)
      var written: [Parcel] = []
      for parcel in batch {
        do throws(DeliveryFailure) {
          try append(parcel, to: &lines, in: surroundings)
          written.append(parcel)
        } catch {
          parcel.end(.failed(error))
        }
      }
      if written.isEmpty { continue }
      let outcome: DeliveryOutcome
      do throws(FileError) {
        try OutboxFile.append(lines.bytes, to: name, in: surroundings.outboxFolder, files: surroundings.settings.files)
        outcome = .delivered(nil)
      } catch {
        outcome = .failed(
          DeliveryFailure(.unavailable, "outbox/\(name) cannot be written: \(error.operation.rawValue): \(error.text)"))
      }
      for parcel in written { parcel.end(outcome) }
    }
  }

  private static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 255 && !name.hasPrefix(".") && !name.utf8.contains(UInt8(ascii: "/"))
      && !name.utf8.contains(where: Filling.isControl)
  }

  /// One line, or nothing of it.
  private static func append(
    _ parcel: Parcel, to lines: inout ByteWriter, in surroundings: Surroundings
  ) throws(DeliveryFailure) {
    let message = parcel.attempt.message
    if parcel.request != nil {
      throw DeliveryFailure(.impossible, "a file gives no answers: a request goes to a destination with http")
    }
    var headers = Headers()
    try headers.add(of: message)
    lines.append("{\"id\":" as StaticString)
    lines.appendJSON(string: parcel.id)
    lines.append(",\"destination\":" as StaticString)
    lines.appendJSON(string: parcel.attempt.name)
    lines.append(",\"position\":" as StaticString)
    lines.appendDecimal(parcel.attempt.position)
    lines.append(",\"key\":" as StaticString)
    lines.appendJSON(string: message.subject)
    lines.append(",\"type\":" as StaticString)
    if let about = message.attributes[.about] { lines.appendJSON(string: about) } else { lines.append("null") }
    lines.append(",\"time\":\"" as StaticString)
    Timestamp.write(parcel.attempt.recorded, into: &lines)
    lines.append("\",\"headers\":" as StaticString)
    lines.append(headers.json)
    let body = Envelope.body(of: parcel, from: surroundings.identity.name)
    lines.append(",\"body\":" as StaticString)
    // JSON may be laid out over several lines, and a line feed stands nowhere else in it.
    lines.append(body.isEmpty ? Array("null".utf8) : body.map { $0 == 0x0a || $0 == 0x0d ? 0x20 : $0 })
    lines.append("}\n" as StaticString)
  }
}
