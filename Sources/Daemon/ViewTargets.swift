import Delivery
import Engine
import Views

/// The documents that are the targets of destinations with `each`: as they are now, durably.
struct ViewTargets: TargetDocuments {
  let views: RunningViews

  func document(of projection: String, key: String) throws -> [UInt8]? {
    do throws(ViewError) {
      return try views.document(of: projection, key: key).documents.first?.document
    } catch {
      if error.code == .noDocument { return nil }
      throw error
    }
  }
}

extension Courier: Deliverer {}
