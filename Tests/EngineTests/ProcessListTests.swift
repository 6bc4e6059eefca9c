import Events
import LogStorage
import Scripts
import TestKit
import Testing

@testable import Engine

@Suite("Lists of processes")
struct ProcessListTests {
  /// Instances of it wait for Go, and fail at Break until their script is mended.
  private static func script(_ name: String, broken: Bool = true) -> String {
    """
    process "\(name)" {
      starts = "\(name).begun",
      hears = { "Go", "Break" },
      retry = { attempts = 2, first = "1s", jitter = 0 },
      run = function(start)
        while true do
          local heard = await { "Go", "Break" }
          if heard.type == "Break" and \(broken) then error("broken") end
          if heard.data.done then return end
        end
      end,
    }
    """
  }

  private static func world(_ names: [String] = ["one", "two"], perTurn: Int = 5) throws -> World {
    var settings = EngineSettings()
    settings.instancesPerTurn = perTurn
    let scripts = Dictionary(uniqueKeysWithValues: names.map { ("\($0).lua", script($0)) })
    return try World(scripts: scripts, settings: settings)
  }

  private static func begin(_ world: World, _ name: String, _ keys: Range<Int>) throws {
    for key in keys { world.emit("\(name).begun", "k-\(key)") }
    try world.settle()
  }

  /// All pages, one behind the other.
  private static func all(_ world: World, _ query: ProcessQuery) throws -> [ProcessReport] {
    var (query, found) = (query, [ProcessReport]())
    repeat {
      let page = try #require(try world.processes(query))
      #expect(page.instances.count <= query.limit)
      #expect(page.next == nil || page.next == page.instances.last?.place)
      found += page.instances
      query.after = page.next
    } while query.after != nil
    return found
  }

  @Test(arguments: [1, 3, 7, 100], [1, 4, 50])
  func `pages of any length have every instance once, in the order in which they have moved`(
    limit: Int, perTurn: Int
  ) throws {
    let world = try Self.world(perTurn: perTurn)
    try Self.begin(world, "one", 0..<12)
    try Self.begin(world, "two", 5..<15)
    for key in [3, 8, 9] { world.emit("Go", "k-\(key)", "{}") }
    world.emit("Go", "k-5", #"{"done":true}"#)
    try world.settle()
    let expected = try world.instancesOneByOne()
    let found = try Self.all(world, ProcessQuery(limit: limit))
    #expect(found.map(\.key) == expected.map(\.key) && found.map(\.place.reader) == expected.map(\.reader))
    #expect(found.map(\.instance) == expected.map(\.instance))
    let second = try #require(world.core.control.reader(named: "two", kind: .process)).number
    let ofOne = try Self.all(world, ProcessQuery(process: "two", limit: limit))
    #expect(ofOne.map(\.key) == expected.filter { $0.reader == second }.map(\.key))
    #expect(try world.processes(ProcessQuery(process: "three")) == nil)
  }

  @Test func `the filters find what they say, and the counts are of all`() throws {
    let world = try Self.world(["one"])
    try Self.begin(world, "one", 0..<10)
    for key in [2, 4, 6] { world.emit("Break", "k-\(key)") }
    try world.settle()
    let tried = try Self.all(world, ProcessQuery(state: .retrying, limit: 2))
    #expect(Set(tried.map(\.key.description)) == ["k-2", "k-4", "k-6"])
    world.clock.advance(microseconds: 2_000_000)
    try world.settle()
    for key in [1, 6, 8] { world.emit("Break", "k-\(key)") }
    try world.settle()
    let stuck = try Self.all(world, ProcessQuery(state: .stuck))
    #expect(Set(stuck.map(\.key.description)) == ["k-2", "k-4", "k-6"])
    #expect(stuck.allSatisfy { $0.failure != nil && $0.nextTry == nil })
    let retrying = try Self.all(world, ProcessQuery(state: .retrying))
    #expect(Set(retrying.map(\.key.description)) == ["k-1", "k-8"])
    #expect(retrying.allSatisfy { $0.failure != nil && $0.nextTry != nil })
    let waiting = try Self.all(world, ProcessQuery(state: .waiting, limit: 2))
    #expect(Set(waiting.map(\.key.description)) == ["k-0", "k-3", "k-5", "k-7", "k-9"])
    let count = try #require(try world.processes()?.processes.first)
    #expect(count.instances == 10 && count.retrying == 2 && count.stuck == 3)
    try world.deploy(["one.lua": Self.script("one", broken: false)])
    world.resolve(.retry, .all(consumer: "one", key: nil))
    try world.settle()
    let mended = try #require(try world.processes()?.processes.first)
    #expect(mended.retrying == 0 && mended.stuck == 0 && mended.generations == [1: 5, 2: 5])
    #expect(try Self.all(world, ProcessQuery(generation: 2)).map(\.instance.generation) == [2, 2, 2, 2, 2])
    #expect(try Self.all(world, ProcessQuery(generation: 1, limit: 2)).count == 5)
    #expect(try Self.all(world, ProcessQuery(generation: 3)).isEmpty)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a turn looks at so many instances and no more, for all who ask together`() throws {
    let world = try Self.world(["one"], perTurn: 4)
    try Self.begin(world, "one", 0..<18)
    let answers = (0..<2).map { _ in Box<ProcessPlaces?>() }
    for answer in answers {
      world.put(.processes(ProcessSearch(ProcessQuery(limit: 20)) { answer.value = $0 }))
    }
    var turns = 0
    while answers.contains(where: { $0.value == nil }) {
      try world.turn()
      turns += 1
      #expect(answers.contains { $0.value == nil } == (world.core.nextDue == world.core.now))
    }
    #expect(turns == 9)
    #expect(answers.allSatisfy { $0.value??.instances.count == 18 && $0.value??.isLast == true })
  }

  @Test func `an instance that moves while they are looked at is listed where it is then, and once`() throws {
    let world = try Self.world(["one"], perTurn: 1)
    try Self.begin(world, "one", 0..<10)
    let answer = Box<ProcessPlaces?>()
    world.put(.processes(ProcessSearch(ProcessQuery(limit: 20)) { answer.value = $0 }))
    try world.turn()
    #expect(answer.value == nil)
    for key in 0..<9 { world.emit("Go", "k-\(key)", "{}") }
    world.emit("Go", "k-9", #"{"done":true}"#)
    try world.settle()
    let places = try #require(answer.value?.flatMap { $0 })
    let found = try ProcessReading(log: world.opened.reader).reports(of: places.instances)
    let expected = try world.instancesOneByOne()
    #expect(found.map(\.key) == expected.map(\.key))
    #expect(found.count == 9)
  }

  @Test func `nothing is told before it is durable`() throws {
    let world = try Self.world(["one"])
    world.emit("one.begun", "k-1")
    try world.turn()
    world.work()
    try world.turn()
    let (list, one) = (Box<ProcessPlaces?>(), Box<[ProcessKey]?>())
    world.put(.processes(ProcessSearch(ProcessQuery()) { list.value = $0 }))
    world.put(.process(key: "k-1", name: "one") { one.value = $0 })
    try world.turn()
    #expect(list.value == nil && one.value == nil)
    world.sync()
    try world.turn()
    #expect(list.value??.instances.count == 1 && one.value??.count == 1)
  }

  @Test func `a stop answers those who ask before it ends`() throws {
    let world = try Self.world(["one"], perTurn: 1)
    try Self.begin(world, "one", 0..<10)
    let answer = Box<ProcessPlaces?>()
    world.put(.processes(ProcessSearch(ProcessQuery()) { answer.value = $0 }))
    world.put(.stop)
    try world.settle()
    #expect(answer.value??.instances.count == 10 && world.core.isStopped)
  }

  @Test func `an instance is found by its key as people write it`() throws {
    let world = try Self.world(["one"])
    world.emit("one.begun", "")
    world.emit("one.begun", "k-1")
    try world.settle()
    let start = try #require(try world.processes()?.instances.first { $0.key != KeyBytes("k-1") }).instance.start
    for (text, key) in [("k-1", KeyBytes("k-1")), ("#\(start)", .own(Position(start))), ("k-2", nil)] {
      let answer = Box<[ProcessKey]?>()
      world.core.find(text, of: "one") { answer.value = $0 }
      let keys = try #require(answer.value?.flatMap { $0 })
      #expect(try ProcessReading(log: world.opened.reader).report(of: keys)?.key == key, "\(text)")
    }
    let isUnknown = Box<Bool>()
    world.core.find("k-1", of: "two") { isUnknown.value = $0 == nil }
    #expect(isUnknown.value == true)
  }

  // MARK: what it stands on

  @Test(arguments: 0..<20) func `the order of instances is that of their places, whatever goes and comes`(
    seed: UInt64
  ) {
    var random = Seed(seed)
    var order = InstanceOrder()
    var model: [InstancePlace] = []
    for commit in UInt64(1)...300 {
      for _ in 0..<random.below(4) {
        let place = InstancePlace(keyHash: UInt64(random.below(50)), commit: commit, twin: 0)
        if model.contains(place) { continue }
        model.append(place)
        order.insert(place, generation: 1)
      }
      for _ in 0..<random.below(4) where !model.isEmpty {
        order.remove(model.remove(at: random.below(model.count)))
      }
      model.sort { ($0.place, $0.keyHash) < ($1.place, $1.keyHash) }
      let alive = order.elements.filter { $0.generation > 0 }
      #expect(alive.map { InstancePlace(keyHash: $0.keyHash, place: $0.place) } == model)
      #expect(order.elements.count <= 2 * model.count + 130)
      let at = InstancePlace(keyHash: UInt64(random.below(50)), commit: UInt64(random.below(Int(commit) + 1)), twin: 0)
      let first = order.firstIndex(notBefore: at)
      #expect(order.elements[..<first].allSatisfy { $0.isBefore(at) })
      #expect(!order.elements[first...].contains { $0.isBefore(at) })
    }
  }

  @Test func `blocked keys that share a hash are told apart`() {
    var hashes = BlockedHashes()
    let (a, b, c) = (KeyBytes("a"), KeyBytes("b"), KeyBytes("c"))
    for key in [a, b, c, b, a] { hashes.insert(key, 7) }
    hashes.insert(a, 8)
    #expect(Set(hashes.keys(of: 7)) == [a, b, c] && hashes.keys(of: 8) == [a])
    hashes.remove(a, 7)
    #expect(Set(hashes.keys(of: 7)) == [b, c] && hashes.contains(7))
    hashes.remove(c, 7)
    hashes.remove(b, 7)
    #expect(!hashes.contains(7) && hashes.keys(of: 7).isEmpty && !hashes.isEmpty)
    hashes.remove(a, 8)
    #expect(hashes.isEmpty)
  }
}
