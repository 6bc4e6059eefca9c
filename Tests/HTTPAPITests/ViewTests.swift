import Foundation
import Synchronization
import Testing
import Wire

@testable import HTTPAPI

/// Views that write down what they are asked.
final class MemoryViews: ViewReading {
  private let state = Mutex((questions: [ViewQuestion](), rebuilds: [String](), problem: Problem?.none))

  var questions: [ViewQuestion] { state.withLock { $0.questions } }
  var rebuilds: [String] { state.withLock { $0.rebuilds } }
  func fail(with problem: Problem?) { state.withLock { $0.problem = problem } }

  func list() async -> [StatusReport.View] {
    [StatusReport.View(name: "orders", script: "orders.lua", state: "live", position: 7, lag: 2)]
  }

  func answer(_ question: ViewQuestion) async throws(Problem) -> ViewAnswer {
    let problem = state.withLock { state in
      state.questions.append(question)
      return state.problem
    }
    if let problem { throw problem }
    return ViewAnswer(position: 7, json: Array(#"{"key":"k","document":{"n":1.50}}"#.utf8))
  }

  func rebuild(_ name: String) async throws(Problem) {
    let problem = state.withLock { state in
      state.rebuilds.append(name)
      return state.problem
    }
    if let problem { throw problem }
  }
}

struct `The views of the API` {
  private func ask(_ path: String) async throws -> (RawClient.Response, [ViewQuestion]) {
    let views = MemoryViews()
    let answer = Mutex<RawClient.Response?>(nil)
    try await TestServer.run(views: views) { server in
      let got = try await server.get(path)
      answer.withLock { $0 = got }
    }
    return (try #require(answer.withLock { $0 }), views.questions)
  }

  @Test func `are listed, also in the status`() async throws {
    try await TestServer.run(views: MemoryViews()) { server in
      let list = try await server.get("/views").decoded(ViewList.self)
      #expect(list.views.map(\.name) == ["orders"])
      #expect(try await server.get("/status").decoded(StatusReport.self).views == list.views)
    }
  }

  @Test func `answer with the document as it was written and with their position`() async throws {
    let (answer, questions) = try await ask("/views/orders/order-1")
    #expect(answer.status == 200 && answer.text == #"{"key":"k","document":{"n":1.50}}"#)
    #expect(answer.headers["moondance-position"] == "7")
    var question = ViewQuestion(view: "orders")
    question.key = "order-1"
    #expect(questions == [question])
  }

  @Test func `are asked by every part of the query`() async throws {
    let (answer, questions) = try await ask(
      "/views/by%20day%2Fhour?where=status%3Dplaced&where=a.b=x%20y%3D%26z&order=-total&limit=7&after=k%22&at=813"
        + "&after-position=5&wait=1500ms")
    #expect(answer.status == 200)
    var question = ViewQuestion(view: "by day/hour")
    question.conditions = ["status=placed", "a.b=x y=&z"]
    (question.order, question.limit, question.after) = ("-total", 7, "k\"")
    (question.moment, question.position, question.wait) = (.position(813), 5, .milliseconds(1500))
    #expect(questions == [question])
  }

  @Test func `take keys with slashes, encoded or not`() async throws {
    for path in ["/views/o/a/b%2Fc", "/views/o/a%2Fb/c"] {
      #expect(try await ask(path).1.first?.key == "a/b/c")
    }
    let (_, questions) = try await ask("/views/o/k?at=2026-01-31T12:00:00Z")
    #expect(questions.first?.moment == .time(1_769_860_800_000_000))
  }

  @Test(arguments: [
    "/views/o?where=status", "/views/o?limit=0", "/views/o?limit=1001", "/views/o?limit=x", "/views/o?at=yesterday",
    "/views/o?wait=1h", "/views/o?wait=26s", "/views/o?wait=99999ms", "/views/o?after-position=-1", "/views/o?what=1",
    "/views/o?order=a&order=b", "/views/o?frozen=yes", "/views/o?frozen=true&order=a", "/views/o?frozen=true&where=a=1",
    "/views/o/k?where=a=1", "/views?where=a=1", "/views/o?where=%FF=1",
  ])
  func `refuse a query that makes no sense`(path: String) async throws {
    let (answer, questions) = try await ask(path)
    #expect(answer.status == 400 && questions.isEmpty)
    #expect(try answer.decoded(Problem.self).kind == .badRequest)
  }

  @Test func `tell what they cannot answer`() async throws {
    let views = MemoryViews()
    try await TestServer.run(views: views) { server in
      for (kind, status) in [(ProblemKind.notFound, 404), (.viewBehind, 504), (.notReady, 503), (.badRequest, 400)] {
        views.fail(with: Problem(kind, "x"))
        let answer = try await server.get("/views/o")
        #expect(answer.status == status && (status == 503) == (answer.headers["retry-after"] != nil))
      }
    }
    try await TestServer.run { server in
      let answer = try await server.get("/views")
      #expect(answer.status == 404)
    }
  }

  @Test func `are folded anew for an operator, and nobody else`() async throws {
    let views = MemoryViews()
    try await TestServer.run(views: views) { server in
      let answer = try await server.request("POST", "/views/by%20day/rebuild")
      #expect(answer.status == 202)
      #expect(
        try await server.request("POST", "/views/o/rebuild", [("Content-Type", "text/plain")], body: [1]).status == 415)
      #expect(try await server.request("POST", "/views/o").status == 405)
      #expect(try await server.request("POST", "/views/o/k").status == 405)
    }
    let tokens = try TokenList(text: "read aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nadmin bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n")
    try await TestServer.run(tokens: tokens, views: views) { server in
      let reader = [("Authorization", "Bearer aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
      let refused = try await server.request("POST", "/views/o/rebuild", reader)
      let allowed = try await server.get("/views/o", reader)
      let unknown = try await server.get("/views/o")
      #expect(refused.status == 403 && allowed.status == 200 && unknown.status == 401)
    }
    #expect(views.rebuilds == ["by day"])
  }
}
