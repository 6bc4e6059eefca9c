import Events

/// One record of an instance: the hash of its key, and the commit with the ordinal there among records of equal hashes.
package struct InstancePlace: Hashable, Sendable, Comparable {
  package var keyHash: UInt64
  /// commit << 8 | twin; 0: no record.
  package var place: UInt64

  package init(keyHash: UInt64, place: UInt64) { (self.keyHash, self.place) = (keyHash, place) }

  package init(keyHash: UInt64, commit: UInt64, twin: UInt8) {
    self.init(keyHash: keyHash, place: commit << 8 | UInt64(twin))
  }

  package var commit: UInt64 { place >> 8 }

  package static func < (left: Self, right: Self) -> Bool {
    left.keyHash != right.keyHash ? left.keyHash < right.keyHash : left.place < right.place
  }
}

/// What is known in memory of an instance that is not ended.
package struct OpenInstance: Equatable, Sendable {
  /// µs since 1970; nil: it waits for events only.
  package var deadline: Int64?
  /// Of a process: the generation whose code it runs; else 0.
  package var generation: UInt32

  package init(deadline: Int64?, generation: UInt32) { (self.deadline, self.generation) = (deadline, generation) }
}

/// The open instances of a rule or a process, by the record each is at: a fold of `instance` records. The states
/// themselves stay in the log. Exact also when two keys share a hash, since a record names the one that it replaces.
package struct OpenInstances: Sendable {
  private var instances: [InstancePlace: OpenInstance] = [:]
  /// Of a process: the same instances, for lists.
  private(set) var order = InstanceOrder()
  /// Of a process: how many run on which generation.
  package private(set) var byGeneration: [UInt32: Int] = [:]
  /// Deadlines that were given up with the call that failed at them: they do not come again, unless their dead letter is
  /// retried.
  private var givenUp: [InstancePlace: Int64] = [:]
  /// Of a process: who hears events by a name.
  package private(set) var listeners = Listeners()

  package init() {}

  package var count: Int { instances.count }
  package var isEmpty: Bool { instances.isEmpty }
  package subscript(place: InstancePlace) -> OpenInstance? { instances[place] }
  /// In no order.
  package var all: Dictionary<InstancePlace, OpenInstance> { instances }
  /// Nearly always empty.
  var withoutDeadline: Set<InstancePlace> { givenUp.isEmpty ? [] : Set(givenUp.keys) }

  mutating func apply(_ record: InstanceRecord, commit: UInt64) {
    listeners.apply(record)
    if record.replaces > 0 {
      let old = InstancePlace(keyHash: record.keyHash, place: record.replaces)
      if let gone = instances.removeValue(forKey: old) {
        if gone.generation > 0 { order.remove(old) }
        count(gone, -1)
      }
      if !givenUp.isEmpty { givenUp[old] = nil }
    }
    guard record.deadline != nil || record.life == .open else { return }
    let instance = OpenInstance(deadline: record.deadline, generation: record.generation)
    let place = InstancePlace(keyHash: record.keyHash, commit: commit, twin: record.twin)
    instances[place] = instance
    if instance.generation > 0 { order.insert(place, generation: instance.generation) }
    count(instance, 1)
  }

  private mutating func count(_ instance: OpenInstance, _ change: Int) {
    guard instance.generation > 0 else { return }
    let count = byGeneration[instance.generation, default: 0] + change
    byGeneration[instance.generation] = count == 0 ? nil : count
  }

  /// The call at its deadline is given up.
  mutating func giveUp(_ place: InstancePlace) {
    guard let deadline = instances[place]?.deadline else { return }
    instances[place]?.deadline = nil
    givenUp[place] = deadline
  }

  /// It is called at its deadline again.
  mutating func takeUp(_ place: InstancePlace) {
    guard let deadline = givenUp.removeValue(forKey: place) else { return }
    instances[place]?.deadline = deadline
  }

  // MARK: snapshots

  /// In the order of their places, so that equal instances give equal bytes.
  func encode(into writer: inout ByteWriter) {
    for (place, instance) in instances.sorted(by: { $0.key < $1.key }) {
      writer.append(place.keyHash)
      writer.append(place.place)
      writer.append(instance.deadline ?? .max)
      writer.append(instance.generation)
    }
  }

  func encodeGivenUp(into writer: inout ByteWriter) {
    for (place, deadline) in givenUp.sorted(by: { $0.key < $1.key }) {
      writer.append(place.keyHash)
      writer.append(place.place)
      writer.append(deadline)
    }
  }

  var hasGivenUp: Bool { !givenUp.isEmpty }

  /// False when the bytes are not what `encode` writes.
  mutating func add(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress, bytes.count % 28 == 0, instances.isEmpty else { return bytes.isEmpty }
    for at in stride(from: 0, to: bytes.count, by: 28) {
      let deadline = base.integer(Int64.self, at: at + 16)
      instances[Self.place(base, at)] = OpenInstance(
        deadline: deadline == .max ? nil : deadline, generation: base.integer(UInt32.self, at: at + 24))
    }
    for instance in instances.values { count(instance, 1) }
    // Not those of rules, which may be a million and are in no order.
    let ordered = instances.filter { $0.value.generation > 0 }
      .sorted { ($0.key.place, $0.key.keyHash) < ($1.key.place, $1.key.keyHash) }
    for (place, instance) in ordered { order.insert(place, generation: instance.generation) }
    return instances.count == bytes.count / 28
  }

  /// False when the bytes are not what listeners write.
  mutating func addListeners(_ bytes: UnsafeRawBufferPointer) -> Bool { listeners.add(bytes) }

  /// False when the bytes are not what `encodeGivenUp` writes of the instances that were added before.
  mutating func addGivenUp(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress, bytes.count % 24 == 0, givenUp.isEmpty else { return bytes.isEmpty }
    for at in stride(from: 0, to: bytes.count, by: 24) {
      let place = Self.place(base, at)
      guard let instance = instances[place], instance.deadline == nil else { return false }
      givenUp[place] = base.integer(Int64.self, at: at + 16)
    }
    return givenUp.count == bytes.count / 24
  }

  private static func place(_ base: UnsafeRawPointer, _ at: Int) -> InstancePlace {
    InstancePlace(keyHash: base.integer(UInt64.self, at: at), place: base.integer(UInt64.self, at: at + 8))
  }
}

extension OpenInstances: Equatable {
  /// The order follows from the rest, but for its gaps.
  package static func == (left: OpenInstances, right: OpenInstances) -> Bool {
    left.instances == right.instances && left.givenUp == right.givenUp && left.listeners == right.listeners
  }
}
