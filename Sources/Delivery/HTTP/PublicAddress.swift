internal import CCurl
internal import Glibc

/// Which addresses belong to the internet at large: everything that is not set aside by the registries of
/// special-purpose addresses (RFC 6890 and its successors).
enum PublicAddress {
  /// Networks of IPv4 that are not public, as first address and length of the prefix.
  private static let special: [(network: UInt32, length: UInt32)] = [
    (0x0000_0000, 8),  // this network
    (0x0a00_0000, 8),  // private
    (0x6440_0000, 10),  // behind a carrier's translator
    (0x7f00_0000, 8),  // loopback
    (0xa9fe_0000, 16),  // link-local, where clouds keep their metadata
    (0xac10_0000, 12),  // private
    (0xc000_0000, 24),  // protocols
    (0xc000_0200, 24),  // documentation
    (0xc058_6300, 24),  // relays of 6to4
    (0xc0a8_0000, 16),  // private
    (0xc612_0000, 15),  // benchmarks
    (0xc633_6400, 24),  // documentation
    (0xcb00_7100, 24),  // documentation
    (0xe000_0000, 4),  // multicast
    (0xf000_0000, 4),  // reserved, and broadcast
  ]

  /// Of an address in network byte order.
  static func isPublic(v4 bytes: [UInt8]) -> Bool {
    let address = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return !special.contains { address >> (32 - $0.length) == $0.network >> (32 - $0.length) }
  }

  /// Only what is assigned to the internet, 2000::/3, can be public: what stands for an IPv4 address (mapped,
  /// translated, tunnelled), unique local, link-local and multicast addresses are not, or lie outside.
  static func isPublic(v6 bytes: [UInt8]) -> Bool {
    guard bytes[0] >> 5 == 1 else { return false }
    let (first, second) = (UInt16(bytes[0]) << 8 | UInt16(bytes[1]), UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
    switch first {
    case 0x2001: return second >> 9 != 0 && second != 0x0db8  // protocols with Teredo, documentation
    case 0x2002: return false  // 6to4
    case 0x3fff: return second >> 12 != 0  // documentation
    default: return true
    }
  }

  /// Of what a connection is about to go to. Nothing but IP is public.
  static func isPublic(_ address: UnsafePointer<sockaddr>) -> Bool {
    let raw = UnsafeRawPointer(address)
    switch Int32(address.pointee.sa_family) {
    case AF_INET:
      let offset = MemoryLayout<sockaddr_in>.offset(of: \.sin_addr)!
      return isPublic(v4: Array(UnsafeRawBufferPointer(start: raw + offset, count: 4)))
    case AF_INET6:
      let offset = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr)!
      return isPublic(v6: Array(UnsafeRawBufferPointer(start: raw + offset, count: 16)))
    default: return false
    }
  }
}
