/// Where the files of a log lie in a data folder.
struct LogFolder: Sendable {
  let root: String

  var lock: String { root + "/lock" }
  var log: String { root + "/log" }
  var witness: String { root + "/witness" }
  var snapshots: String { root + "/snapshots" }

  /// The folder that `path` lies in.
  static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
