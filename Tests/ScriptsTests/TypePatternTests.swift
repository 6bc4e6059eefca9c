import Testing

@testable import Scripts

@Suite struct TypePatternTests {
  private func heard(_ type: String, by patterns: [String]) -> String? {
    let hearing = Hearing(patterns.map { TypePattern($0)! })
    return Array(type.utf8).withUnsafeBytes { hearing.index(forType: $0) }.map { patterns[$0] }
  }

  @Test func `the exact type goes first, then the longest prefix`() {
    let patterns = ["*", "Pay*", "Payment*", "PaymentCaptured"]
    #expect(heard("PaymentCaptured", by: patterns) == "PaymentCaptured")
    #expect(heard("PaymentFailed", by: patterns) == "Payment*")
    #expect(heard("Payment", by: patterns) == "Payment*")
    #expect(heard("Paid", by: patterns) == "*")
    #expect(heard("Payout", by: patterns) == "Pay*")
    #expect(heard("Paid", by: ["Pay*", "PaymentCaptured"]) == nil)
    #expect(heard("payment", by: ["Payment*"]) == nil)
  }

  @Test func `the host's types are heard only by patterns that begin so`() {
    #expect(heard("moondance.dead-letter", by: ["*", "m*", "moon*"]) == nil)
    #expect(heard("moondance.dead-letter", by: ["*", "moondance.*"]) == "moondance.*")
    #expect(heard("moondance.dead-letter", by: ["moondance.dead-letter"]) == "moondance.dead-letter")
    #expect(heard("moondancer", by: ["moon*"]) == "moon*")
    #expect(TypePattern("moon*")?.matches("moondance.x") == false)
    #expect(TypePattern("moondance.d*")?.matches("moondance.dead-letter") == true)
  }

  @Test(arguments: ["", "**", "Pay*ment", "*Payment", "Order Placed", "Größe", String(repeating: "a", count: 129)])
  func `what is neither a type nor a prefix is no pattern`(text: String) { #expect(TypePattern(text) == nil) }
}
