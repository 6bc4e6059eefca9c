#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The memory of this process.
package enum ProcessMemory {
  /// How much of it is in RAM; nil where the system does not say.
  package static var residentBytes: UInt64? {
    #if os(Linux)
      let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
      guard file >= 0 else { return nil }
      defer { close(file) }
      // Pages: all of it, those in RAM, and more.
      var bytes = [UInt8](repeating: 0, count: 256)
      let count = read(file, &bytes, bytes.count)
      guard count > 0 else { return nil }
      let fields = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
      guard fields.count > 1, let pages = UInt64(fields[1]) else { return nil }
      return pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    #else
      return nil
    #endif
  }
}
