import LogStorage
import Testing

@testable import Engine

extension World {
  /// The list of instances as an operator gets it, once everything is durable; nil: there is no such process.
  func processes(_ query: ProcessQuery = ProcessQuery()) throws -> ProcessPage? {
    var listing = ProcessListing(query)
    repeat {
      let search = Box<ProcessPlaces?>()
      core.take(ProcessSearch(listing.query) { search.value = $0 })
      while !core.processAnswers.searches.isEmpty { core.goOnSearching() }
      let answer = try #require(search.value)
      guard let places = answer else { return nil }
      listing.add(try ProcessReading(log: opened.reader).reports(of: places.instances), of: places)
    } while !listing.isWhole
    return listing.page
  }

  /// Every instance that the control state has, in the order of the list: read one by one.
  func instancesOneByOne() throws -> [(reader: UInt32, key: KeyBytes, instance: ProcessInstance)] {
    let places = core.control.readers.flatMap { reader in
      reader.open.all.keys.map { ProcessReport.Place(place: $0.place, keyHash: $0.keyHash, reader: reader.number) }
    }
    return try places.sorted().map { place in
      let found = try ProcessHistory.record(at: place.place, keyHash: place.keyHash, place.reader, in: opened.reader)
      let record = try #require(found)
      let bytes = try #require(record.state)
      var instance = try #require(ProcessInstance(bytes))
      instance.noteCommit(of: place.place)
      return (place.reader, KeyBytes(record.key), instance)
    }
  }
}
