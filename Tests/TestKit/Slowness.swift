internal import Foundation

/// How much slower than usual tests run: a sanitizer watches every access. MOONDANCE_SLOWNESS, set by `make sanitize`.
package enum Slowness {
  package static let factor = ProcessInfo.processInfo.environment["MOONDANCE_SLOWNESS"].flatMap { Int($0) } ?? 1

  package static func stretch(_ bound: Duration) -> Duration { bound * factor }
}
