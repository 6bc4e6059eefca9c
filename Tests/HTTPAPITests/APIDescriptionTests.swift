import Engine
import Foundation
import HTTPTypes
import Testing
import Wire

@testable import HTTPAPI

struct `The API's description` {
  @Test func `lists exactly what exists`() async throws {
    try await TestServer.run { server in
      let json = try await server.get("/openapi.json").json()
      #expect((json["openapi"] as? String)?.hasPrefix("3.1") == true)
      #expect((json["info"] as? [String: Any])?["version"] as? String == "9.9")
      let paths = try #require(json["paths"] as? [String: [String: [String: Any]]])
      var listed: Set<String> = []
      for (path, methods) in paths {
        for method in methods.keys { listed.insert("\(method.uppercased()) \(path)") }
      }
      #expect(listed == Set(Operation.allCases.map { "\($0.method.rawValue) \($0.path)" }))
      for (path, methods) in paths {
        for method in methods.keys {
          // Each is served: whatever it answers, it is neither unknown nor of another method.
          let concrete = path.replacing("{position}", with: "1").replacing("{subject}", with: "s")
            .replacing("{name}", with: "hello").replacing("{id}", with: "1").replacing("{key}", with: "k")
          let answer = try await server.request(method.uppercased(), concrete)
          #expect(answer.status != 405, "\(method) \(path)")
          let problem = try? answer.decoded(Problem.self)
          #expect(
            problem == nil || problem?.detail != "There is no such address. GET /openapi.json lists those that exist.")
        }
      }
    }
  }

  @Test func `names only schemas that it has`() async throws {
    try await TestServer.run { server in
      let text = try await server.get("/openapi.json").text
      let json = try await server.get("/openapi.json").json()
      let schemas = try #require((json["components"] as? [String: Any])?["schemas"] as? [String: Any])
      let references = text.matches(of: /#\/components\/schemas\/([A-Za-z]+)/).map { String($0.1) }
      #expect(!references.isEmpty && Set(references).isSubset(of: schemas.keys))
    }
  }

  @Test func `knows every query parameter that is taken, and answers with statuses it lists`() async throws {
    for operation in Operation.allCases {
      let names = operation.parameters(DoorLimits()).filter { $0.in == "query" }.map(\.name)
      #expect(names == operation.queryNames)
      #expect(operation.problems.allSatisfy { status in ProblemKind.allCases.contains { $0.status == status } })
      #expect(!operation.answers.isEmpty && !operation.summary.isEmpty)
    }
  }

  @Test func `what a body may say is what the description says`() throws {
    for operation in Operation.allCases where !operation.bodyNames.isEmpty {
      let name =
        switch operation {
        case .rewindConsumer: "RewindRequest"
        case .pauseDestination, .resumeDestination: "TargetRequest"
        case .cancelProcess: "CancelRequest"
        case .moveProcesses: "MoveRequest"
        default: operation.readers == .destinations ? "ResolveMessagesRequest" : "ResolveRequest"
        }
      let schema = try #require(APISchemas.all[name])
      let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(schema)) as? [String: Any]
      let members = try #require(json?["properties"] as? [String: Any])
      #expect(Set(members.keys) == Set(operation.bodyNames + ["by"]))
    }
  }

  @Test func `every kind of problem has a name of its own and a status`() {
    #expect(Set(ProblemKind.allCases.map(\.title)).count == ProblemKind.allCases.count)
    for kind in ProblemKind.allCases {
      let problem = Problem(kind, "x")
      #expect(problem.kind == kind)
      #expect((400...599).contains(problem.status))
      #expect(kind.rawValue.allSatisfy { $0.isLowercase || $0 == "-" })
    }
    var foreign = Problem(.notFound, "x")
    foreign.type = "about:blank"
    #expect(foreign.kind == nil)
  }

  @Test func `finds its routes`() {
    func go(_ method: HTTPRequest.Method, _ path: String) -> Destination { Destination(method, path: path[...]) }
    #expect(go(.get, "/events") == .operation(.listEvents, parameter: []))
    #expect(go(.post, "/events") == .operation(.append, parameter: []))
    #expect(go(.get, "/events/12") == .operation(.getEvent, parameter: Array("12".utf8)))
    #expect(go(.get, "/subjects/a%2Fb/c") == .operation(.listSubject, parameter: Array("a/b/c".utf8)))
    #expect(go(.get, "/subjects/%zz") == .notText)
    #expect(go(.delete, "/events") == .otherMethods(["POST", "GET"]))
    #expect(go(.get, "/event") == .nowhere)
    #expect(go(.get, "/subjects/") == .nowhere)
    #expect(go(.get, "/events/1/2") == .nowhere)
    #expect(go(.get, "/dead-letters/7.1") == .operation(.getDeadLetter, parameter: Array("7.1".utf8)))
    #expect(go(.post, "/dead-letters/7.1/skip") == .operation(.skipDeadLetter, parameter: Array("7.1".utf8)))
    #expect(go(.post, "/dead-letters/skip") == .operation(.skipDeadLetters, parameter: []))
    #expect(go(.get, "/dead-letters/skip") == .otherMethods(["POST"]))
    #expect(go(.post, "/consumers/a%2Fb/pause") == .operation(.pauseConsumer, parameter: Array("a/b".utf8)))
    #expect(go(.post, "/consumers/a/b/pause") == .nowhere)
    #expect(go(.post, "/consumers//pause") == .nowhere)
  }
}
