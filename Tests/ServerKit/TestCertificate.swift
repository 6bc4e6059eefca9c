internal import Foundation
package import TestKit

/// A certificate that signs itself, for a day. Whoever is to accept it is given `path` as an authority.
package struct TestCertificate: Sendable {
  package let path: String
  package let keyPath: String

  /// - Parameter name: whom it is for, such as `IP:127.0.0.1` or `DNS:shop.example`.
  package init(for name: String, in folder: TemporaryFolder) throws {
    let stem = "\(folder.path)/\(UUID().uuidString)"
    (path, keyPath) = (stem + ".pem", stem + ".key")
    try Program.run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj",
        "/CN=moondance test", "-addext", "subjectAltName=\(name)", "-keyout", keyPath, "-out", path,
      ])
  }
}
