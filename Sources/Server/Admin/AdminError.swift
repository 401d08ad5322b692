// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Telemetry

/// Why an admin call is refused: a word for programs, a sentence for people, and the member that is meant.
struct AdminError: Error, Equatable, Sendable {
    var status: UInt16 = 400
    var code: String
    var message: String
    var field: String?
    /// The methods that the path takes, for 405.
    var allow: String?

    init(status: UInt16 = 400, _ code: String, _ message: String, field: String? = nil, allow: StaticString? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.allow = allow.map { "\($0)" }
    }
}

/// What an admin call is answered with.
struct AdminResponse: Sendable {
    var status: UInt16
    var contentType: StaticString = AdminResponse.json
    var content: ContiguousArray<UInt8>
    /// The methods that the path takes, for 405.
    var allow: String?

    static let json: StaticString = "application/json"

    init(status: UInt16, contentType: StaticString = AdminResponse.json, content: ContiguousArray<UInt8>) {
        self.status = status
        self.contentType = contentType
        self.content = content
    }

    static func json(_ status: UInt16 = 200, _ members: (inout JSONWriter) -> Void) -> AdminResponse {
        var buffer = ByteBuffer(capacity: 1024)
        JSONWriter.write(into: &buffer) { $0.object(members) }
        buffer.append(ASCII.lineFeed)
        return AdminResponse(status: status, content: ContiguousArray(copying: buffer.span))
    }

    init(_ error: AdminError) {
        self = .json(error.status) { json in
            json.object("error") { json in
                json.field("code", error.code)
                json.field("message", error.message)
                if let field = error.field { json.field("field", field) }
            }
        }
        allow = error.allow
    }
}
