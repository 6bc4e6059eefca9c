import Foundation

/// Where a text stops being JSON.
struct JSONProblem {
  let text: String

  /// Nil when `text` is JSON.
  init?(in text: String) {
    let data = Data(text.utf8)
    do {
      _ = try JSONSerialization.jsonObject(with: data, options: [.fragmentsAllowed])
      return nil
    } catch {
      let details = (error as NSError).userInfo
      let index = details["NSJSONSerializationErrorIndex"] as? Int
      let position = index.map { " at character \($0 + 1)" } ?? ""
      let near = index.map { String(decoding: data.dropFirst($0).prefix(12), as: UTF8.self) } ?? ""
      let quotes = text.contains("'") && !text.contains("\"") ? "; JSON has double quotes" : ""
      self.text = near.isEmpty ? "it ends too early\(quotes)" : "not understood\(position), near \"\(near)\"\(quotes)"
    }
  }
}
