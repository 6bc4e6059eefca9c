internal import HTTPTypes
internal import Wire

/// The API's own description, OpenAPI 3.1. The paths come from the routes, so it lists exactly what exists.
enum APIDescription {
  struct Document: Encodable {
    var openapi = "3.1.0"
    var info: Info
    var paths: [String: [String: Entry]]
    var components: Components
  }

  struct Info: Encodable {
    var title = "Moondance"
    var version: String
    var description: String
  }

  struct Entry: Encodable {
    var operationId: String
    var summary: String
    var description: String
    var parameters: [Parameter]
    var requestBody: RequestBody?
    var responses: [String: Response]
    var security: [[String: [String]]]?
  }

  struct Parameter: Encodable {
    var name: String
    var `in`: String
    var required: Bool
    var description: String
    var schema: Schema

    init(_ name: String, in place: String, required: Bool = false, _ schema: Schema, _ description: String) {
      (self.name, self.in, self.required, self.schema, self.description) = (name, place, required, schema, description)
    }
  }

  struct RequestBody: Encodable {
    var required = true
    var content: [String: Content]
  }

  struct Response: Encodable {
    var description: String
    var content: [String: Content]?
  }

  struct Content: Encodable {
    var schema: Schema
  }

  struct Components: Encodable {
    var schemas: [String: Schema]
    var securitySchemes = ["token": ["type": "http", "scheme": "bearer"]]
  }

  static func document(version: String, _ limits: DoorLimits) -> Document {
    var paths: [String: [String: Entry]] = [:]
    for operation in Operation.allCases {
      paths[operation.path, default: [:]][operation.method.rawValue.lowercased()] = entry(operation, limits)
    }
    return Document(
      info: Info(
        version: version,
        description: """
          Events in and out of a Moondance log. What a request appends is durable when it is answered, and what a \
          request reads is durable. Errors are RFC 9457 problem documents.
          """),
      paths: paths, components: Components(schemas: APISchemas.all))
  }

  private static func entry(_ operation: Operation, _ limits: DoorLimits) -> Entry {
    var responses = Dictionary(
      uniqueKeysWithValues: operation.problems.map { status in
        (
          "\(status)",
          Response(
            description: ProblemKind.allCases.filter { $0.status == status && operation.canMeet($0) }.map(\.title)
              .joined(separator: "; "),
            content: [Problem.contentType: Content(schema: .reference("Problem"))])
        )
      })
    for (status, response) in operation.answers { responses["\(status)"] = response }
    return Entry(
      operationId: operation.rawValue, summary: operation.summary, description: operation.explanation(limits),
      parameters: operation.parameters(limits), requestBody: operation.requestBody, responses: responses,
      security: operation.scope.map { [["token": [$0.rawValue]]] })
  }
}
