// What scripts/bench-check runs under callgrind: `instructions NAME FOLDER` does a fixed piece of work once, `instructions`
// lists them. A program of its own, since Swift's concurrency runs `main` on threads that valgrind does not survive.
import Benchmarks
import Foundation

let arguments = CommandLine.arguments.dropFirst()
guard let name = arguments.first, arguments.count == 2, let folder = arguments.last else {
  for work in CountedWork.all { print("\(work.name)\t\(work.units)\t\(work.summary)") }
  exit(arguments.isEmpty ? 0 : 64)
}
guard let work = CountedWork.named(name) else {
  FileHandle.standardError.write(Data("there is no work \"\(name)\"\n".utf8))
  exit(64)
}
try work.run(in: folder)
