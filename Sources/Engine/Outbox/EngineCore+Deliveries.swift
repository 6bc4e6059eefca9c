import DequeModule
import Events
import LogStorage
import Scripts

/// What came of deliveries, in the log: the same records as a consumer's.
extension EngineCore {
  var hasDeliveriesToRecord: Bool {
    runtimes.contains { runtime in (runtime.outbox?.recordDue).map { $0 <= now } ?? false }
  }

  /// Frames a commit for each destination that has something to say; but for those in `verbs`, which the group changes.
  func frameDeliveries(besides verbs: [OperatorJob]) -> [FramedDeliveries] {
    var framed: [FramedDeliveries] = []
    for index in runtimes.indices {
      guard let due = runtimes[index].outbox?.recordDue, due <= now,
        !verbs.contains(where: { $0.readers.contains(UInt32(index + 1)) })
      else { continue }
      guard hasRoom(for: 2 * Outbox.toldBytes) else { break }
      framed.append(frameDeliveries(of: index))
    }
    return framed
  }

  private func frameDeliveries(of index: Int) -> FramedDeliveries {
    let outbox = runtimes[index].outbox!
    let reader = control.readers[index]
    let declaration = runtimes[index].consumer.flatMap { generation?.scripts.consumers[$0] }
    var record = ProgressRecord(reader: reader.number, through: runtimes[index].scanned)
    let told = EntryBatch(hash: hash)
    var handled: [KeyBytes: [UInt64]] = [:]
    var count = 0
    for ended in outbox.ended {
      if told.bytes.count > Outbox.toldBytes { break }
      count += 1
      switch ended.outcome {
      case .delivered(let reply):
        record.settled += 1
        if ended.isRecorded { handled[ended.key, default: []].append(ended.position) }
        told.addReply(.success(reply), to: ended)
      case .failed(let failure):
        let unit = failed(ended, failure, declaration, reader)
        if unit.disposition != .retry, ended.message?.attributes[.request] != nil {
          // Nobody waits for an operator: who asked is told that there is no answer.
          record.settled += 1
          if ended.isRecorded { handled[ended.key, default: []].append(ended.position) }
          told.addReply(.failure(failure), to: ended)
        } else {
          if unit.disposition != .retry, let message = ended.message {
            addLetterEvent(of: unit, number: record.failed.count, reader, cause: message, to: told)
          }
          record.failed.append(unit)
        }
      }
    }
    var queued = outbox.queued
    for ended in outbox.ended.dropFirst(count) where !ended.isRecorded {
      queued[ended.key, default: []].append(ended.position)
    }
    for (position, flight) in outbox.flights where !flight.isRecorded {
      queued[flight.key, default: []].append(position)
    }
    for (key, work) in outbox.keys where !work.ahead.isEmpty { queued[key, default: []] += work.ahead }
    record.handled = lists(handled)
    record.queued = lists(queued.mapValues { $0.sorted() })
    framer.beginCommit(
      producer: .reader(reader.number), generation: control.generation, time: commitTime, durable: durableCommit)
    if told.count > 0 { framer.append(told) }
    scratch.truncate(to: 0)
    record.encode(into: &scratch)
    framer.appendRecord(scratch.bytes)
    framer.endCommit()
    let touched = record.touchedKeys(and: []).map { ($0, BlockedSummary(reader.blocked[$0])) }
    return FramedDeliveries(index: index, record: record, results: count, touched: touched)
  }

  private func failed(
    _ ended: Outbox.Ended, _ failure: DeliveryFailure, _ declaration: ConsumerDeclaration?, _ reader: ReaderState
  ) -> ProgressRecord.FailedUnit {
    let unit = UnitFailure(
      unit: 0, position: ended.position, isRetry: ended.isRecorded, key: ended.key,
      kind: failure.kind == .impossible ? .refused : .error, message: failure.message, traceback: "", log: [],
      entry: ended.message, chunk: ended.chunk)
    var failed = self.failed(
      unit, scriptHash: ended.scriptHash, retry: declaration?.retry ?? .delivery,
      exhausted: declaration?.exhausted ?? .block, reader)
    // A request that is out of time is not tried again.
    if failed.disposition == .retry, let due = ended.message?.due, due <= failed.nextTry {
      failed.disposition = .deadAndSkipped
    }
    return failed
  }

  /// The group with these commits is appended and folded.
  func committed(_ deliveries: FramedDeliveries) {
    let index = deliveries.index
    let tried = runtimes[index].outbox!.recorded(deliveries.record, results: deliveries.results)
    runtimes[index].committed = deliveries.record.through
    for (key, before) in deliveries.touched {
      // A key with nothing under way must fall due again, or nobody would begin with it.
      let isAtRest = runtimes[index].outbox!.keys[key]?.flight == nil
      noteChange(of: key, from: before, index, wasTried: tried.contains(key) || isAtRest)
    }
    metrics?.committed(deliveries.record, control.readers[index])
    for unit in deliveries.record.failed { hands.failed(unit, consumer: control.readers[index].name) }
  }
}

/// What a commit says of one destination's deliveries.
struct FramedDeliveries {
  var index: Int
  var record: ProgressRecord
  /// How many of the results it tells of.
  var results: Int
  /// The keys that it changes, as they were before.
  var touched: [(key: KeyBytes, before: BlockedSummary)]
}

extension Outbox.Ended {
  var message: EntryView? { chunk?.entry(Position(position)) }
}

extension EntryView {
  /// Until when it makes sense, µs; nil: for ever.
  var due: Int64? {
    for attribute in attributes where attribute.known == .due { return attribute.integer }
    return nil
  }
}

extension EntryBatch {
  /// The answer to a request, or why there is none, as the event that was asked for, or to the instance of a process that
  /// waits for it: on the subject of what the script was handling, caused by the message.
  func addReply(_ result: Result<DeliveryReply?, DeliveryFailure>, to ended: Outbox.Ended) {
    guard let message = ended.message, let type = message.attributes[.reply] else { return }
    var data = ByteWriter(capacity: 256)
    switch result {
    case .success(let reply): (reply ?? DeliveryReply(status: 0, headers: [:], body: [])).encode(into: &data)
    case .failure(let failure):
      data.append("{\"error\":" as StaticString)
      data.appendJSON(string: failure.message)
      data.append(UInt8(ascii: "}"))
    }
    let isAddress = ReplyAddress(type) != nil
    begin(
      kind: .event, type: isAddress ? HostEvent.answered.bytes : type,
      subject: message.attributes[.sender] ?? UnsafeRawBufferPointer(start: nil, count: 0),
      data: data.bytes, encoding: .json, cause: ended.position, root: message.rootHere(at: ended.position),
      depth: min(message.depth + 1, EntryView.maximumDepth))
    inheritAttributes(of: message)
    if isAddress { addAttribute(.reply, type) }
    end()
  }
}

extension DeliveryReply {
  /// `{"status":…,"headers":{…},"body":…}`: the body as JSON when it is, else as text.
  func encode(into writer: inout ByteWriter) {
    writer.append("{\"status\":" as StaticString)
    writer.appendDecimal(Int64(status))
    writer.append(",\"headers\":{" as StaticString)
    for (index, header) in headers.sorted(by: { $0.key < $1.key }).enumerated() {
      if index > 0 { writer.append(UInt8(ascii: ",")) }
      writer.appendJSON(string: header.key)
      writer.append(UInt8(ascii: ":"))
      writer.appendJSON(string: header.value)
    }
    writer.append("},\"body\":" as StaticString)
    if isJSON {
      writer.append(body)
    } else {
      writer.appendJSON(string: String(decoding: body, as: UTF8.self))
    }
    writer.append(UInt8(ascii: "}"))
  }

  /// Whether the body is one JSON value, by the rules of the door.
  private var isJSON: Bool {
    let document = Array("{\"body\":".utf8) + body + Array("}".utf8)
    return document.withUnsafeBytes { bytes in
      guard let object = try? JSONObject(bytes) else { return false }
      return object.members.count == 1
    }
  }
}
