internal import CBytes

/// Whether bytes are JSON, as strictly as in an event: UTF-8 without a byte order mark, the grammar to the letter, at most
/// 64 levels.
package enum JSONCheck {
  /// What is wrong, with its place; nil when nothing is.
  package static func problem(of document: UnsafeRawBufferPointer) -> CloudEventError? {
    guard let scanner = md_scanner_create() else { fatalError("there is no memory for a scanner of a few kilobytes") }
    defer { md_scanner_destroy(scanner) }
    var (first, end): (UInt32, UInt32) = (0, 0)
    var status = md_scan_start(scanner, document.bindMemory(to: UInt8.self).baseAddress, document.count)
    if Int(status) == md_scan_ok { status = md_scan_value(scanner, &first, &end) }
    if Int(status) == md_scan_ok { return nil }
    return ScanProblem.error(status: Int(status), offset: md_scan_offset(scanner))
  }
}
