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
    /// What else is wrong with the same call.
    var others: [AdminError] = []

    /// All of them as one; nil when there is none.
    init?(all errors: [AdminError]) {
        guard let first = errors.first else { return nil }
        self = first
        others = Array(errors.dropFirst())
    }

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
            json.object("error") { error.write(to: &$0) }
            guard !error.others.isEmpty else { return }
            json.array("errors") { json in
                for one in [error] + error.others { json.object { one.write(to: &$0) } }
            }
        }
        allow = error.allow
    }
}

extension AdminError {
    fileprivate func write(to json: inout JSONWriter) {
        json.field("code", code)
        json.field("message", message)
        if let field { json.field("field", field) }
    }
}
