internal import Events
internal import GRDB
internal import LogStorage
internal import Platform
internal import Scripts

/// What a deploy, a start and a rebuild make of what is in views.db. Doing it again changes nothing.
extension ViewThread {
  /// Bytes of documents that each fold keeps.
  private var cacheBytes: Int { settings.cacheBytes / max(1, generation?.projections.count ?? 1) }

  /// Brings the folds in line with the running scripts.
  ///
  /// A view whose code is as before goes on. One whose code has changed goes on by its old code, and the new one is
  /// folded beside it; when the old one has never caught up, or its code cannot be had any more, the new one begins in
  /// its place. What no script declares any more stays until the file is opened again, in case it comes back.
  func reconcile(isOpening: Bool, in database: ViewDatabase) throws {
    guard let generation else { return }
    var rows = try database.pool.write { db in
      try StoredProjection.dropLeftovers(db)
      return try StoredProjection.all(db)
    }
    if isOpening {
      for row in rows where !generation.projections.contains(where: { row.isOf($0.name) }) {
        try database.pool.write { db in try row.drop(db) }
      }
      rows.removeAll { row in !generation.projections.contains { row.isOf($0.name) } }
    }
    let current =
      try folds.first { $0.worker.generation === generation }?.worker
      ?? FoldWorker(generation, log: identity)
    let store = FoldStore(database: database.pool)
    var new: [Fold] = []
    for declaration in generation.projections {
      let own = rows.filter { $0.isOf(declaration.name) }
      for (row, worker) in try settle(declaration, own, current, database) {
        guard let fold = Fold(row, worker, cacheBytes: cacheBytes) else { continue }
        fold.setFrozen(try store.frozen(row))
        if row.role == .next, let old = new.last, old.row.script != row.script {
          fold.isExcused = { key, position in try old.lacks(key, position, store) }
        }
        new.append(fold)
      }
    }
    folds = new
  }

  /// The rows of one projection as they should be, the live one first, each with the code that folds it.
  private func settle(
    _ declaration: ProjectionDeclaration, _ rows: [StoredProjection], _ current: FoldWorker, _ database: ViewDatabase
  ) throws -> [(StoredProjection, FoldWorker)] {
    let script = declaration.scriptHash.description
    let live = rows.first { $0.role == .live }
    let next = rows.first { $0.role == .next }
    let kept = next.flatMap { $0.script == script ? $0 : nil }
    if let next, kept == nil { try database.pool.write { db in try next.drop(db) } }
    if let live, live.script == script {
      return [(live, current)] + (kept.map { [($0, current)] } ?? [])
    }
    if let live, live.isComplete, let pinned = pinned(live) {
      return [(live, pinned), (try kept ?? create(declaration, .next, in: database), current)]
    }
    if let live {
      if live.isComplete {
        settings.note(
          "warning", "the old code of the view \"\(live.name)\" cannot be had: it begins again by the new one")
      }
      try database.pool.write { db in try live.drop(db) }
      try kept.map { kept in try database.pool.write { db in try kept.drop(db) } }
    }
    return [(try create(declaration, .live, in: database), current)]
  }

  private func create(
    _ declaration: ProjectionDeclaration, _ role: StoredProjection.Role, in database: ViewDatabase
  ) throws -> StoredProjection {
    let files = declaration.files.compactMap { path in
      generation?.files.first { $0.path == path }.map {
        StoredProjection.PinnedFile(path: path, hash: $0.hash.description)
      }
    }
    return try database.pool.write { db in try StoredProjection.create(db, declaration, role, files: files) }
  }

  /// The code that has folded a row so far: still in memory, or loaded from the sources that the log keeps.
  private func pinned(_ row: StoredProjection) -> FoldWorker? {
    if let fold = folds.first(where: { $0.row.id == row.id && $0.declaration.scriptHash.description == row.script }) {
      return fold.worker
    }
    var files: [SourceFile] = []
    for file in row.files {
      guard let hash = ContentHash(hexadecimal: file.hash), let source = settings.source(hash) else { return nil }
      files.append(SourceFile(path: file.path, bytes: source))
    }
    guard case .success(let generation) = Generation.load(files),
      generation.projections.contains(where: { row.isOf($0.name) && $0.scriptHash.description == row.script })
    else { return nil }
    return try? FoldWorker(generation, log: identity)
  }

  /// Begins to fold a view anew beside itself, by the running code. What was given up is begun again.
  func rebuild(_ name: String, in database: ViewDatabase) throws {
    guard let generation,
      let declaration = generation.projections.first(where: { $0.name.utf8.elementsEqual(name.utf8) }),
      folds.contains(where: { $0.row.role == .live && $0.row.isOf(name) })
    else { return }
    for next in folds where next.row.role == .next && next.row.isOf(name) {
      try database.pool.write { db in try next.row.drop(db) }
    }
    folds.removeAll { $0.row.role == .next && $0.row.isOf(name) }
    _ = try create(declaration, .next, in: database)
    try reconcile(isOpening: false, in: database)
  }

  /// Tries the events of frozen keys again, each key up to the first that fails again. Other views wait meanwhile, so for
  /// so many keys that it takes too long the rest stays frozen, and is told of.
  func retryFrozen(_ fold: Fold, in database: ViewDatabase) throws {
    let store = FoldStore(database: database.pool)
    let end = clock.monotonicNanoseconds() + Self.thawNanoseconds
    let keys = fold.frozen.keys.filter { !$0.isEmpty }.sorted { $0.lexicographicallyPrecedes($1) }
    for (done, key) in keys.enumerated() {
      if clock.monotonicNanoseconds() > end {
        settings.note(
          "warning",
          "\(keys.count - done) frozen keys of the view \"\(fold.row.name)\" were not tried again, since there are so many: "
            + "moondance view \"\(fold.row.name)\" --rebuild folds it anew")
        break
      }
      let thaw = try Thaw(fold: fold, key: key, store: store).run(log: log)
      try store.commit(thaw, of: fold, now: clock.wallMicroseconds())
    }
    fold.setFrozen(try store.frozen(fold.row))
    fold.cache.removeAll()
  }
}

extension ContentHash {
  /// Nil when `text` is not 64 hexadecimal digits.
  init?(hexadecimal text: String) {
    var bytes: [UInt8] = []
    var digits = text.utf8.makeIterator()
    while let high = digits.next(), let low = digits.next() {
      guard let byte = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16) else { return nil }
      bytes.append(byte)
    }
    self.init(bytes: bytes)
  }
}
