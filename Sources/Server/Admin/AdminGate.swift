// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
import HTTPMessages
import Settings

/// Whether an admin call may be made, judged by its head alone. Pure.
///
/// Browsers are let near by nobody: a page of another site is told by its Origin, a name that was rebound to this
/// address by its Host, and a form by its media type.
struct AdminGate: Sendable {
    var token: Secret?
    /// Names that Host may have besides addresses and `localhost`, in lower case.
    var hosts: [String] = []
    /// No browser connects to a Unix domain socket, and such a client's Host means nothing.
    var isUnix = false

    init(_ settings: AdminSettings?) {
        token = settings?.token
        hosts = settings?.hosts ?? []
        isUnix = settings?.address.kind == .unix
    }

    /// What the request asks for, or why it is refused; its content has not been read.
    func call(of head: borrowing RequestHead) throws(AdminError) -> AdminCall {
        let hasToken = carriesToken(head)
        try checkHost(head, hasToken: hasToken)
        try checkOrigin(head)
        let path = head.path.text()
        guard let call = AdminCall.find(path: path) else {
            throw token == nil || hasToken ? AdminCall.unknown(path) : Self.unauthorized
        }
        if call.needsToken, token != nil, !hasToken { throw Self.unauthorized }
        guard call.takes(head.method) else {
            throw AdminError(
                status: 405, "method_not_allowed", "\(call.path) takes \(call.allowed)", allow: call.allowed)
        }
        if call.isPost, !hasToken, !Self.saysJSON(head.fields) {
            throw AdminError(
                status: 415, "unsupported_media_type",
                "without a token, \(call.path) takes Content-Type: application/json alone")
        }
        return call
    }

    private static let unauthorized = AdminError(
        status: 401, "unauthorized", "the token is missing or wrong: Authorization: Bearer TOKEN")

    private func carriesToken(_ head: borrowing RequestHead) -> Bool {
        guard let token, let index = head.fields.onlyIndex(of: .authorization) else { return false }
        return BearerToken.matches(head.fields.value(at: index), token)
    }

    // MARK: Host

    /// Whoever has the token is no browser that was led astray. HTTP/1.0 may come without Host, and browsers do not.
    private func checkHost(_ head: borrowing RequestHead, hasToken: Bool) throws(AdminError) {
        guard !hasToken, !isUnix else { return }
        var isMeant = true
        if let range = head.authorityRange { isMeant = accepts(host: head.fields.bytes.extracting(range)) }
        head.fields.forEachValue(of: .host) { isMeant = isMeant && accepts(host: $0) }
        guard isMeant else {
            throw AdminError(
                status: 421, "misdirected",
                "Host must be an address, localhost or one of hosts= of the directive admin")
        }
    }

    private func accepts(host: borrowing Span<UInt8>) -> Bool {
        if host.count > 0, ASCII.isDigit(host[0]) {
            var end = 0
            while end < host.count, host[end] != ASCII.colon { end += 1 }
            if IPAddress(host.extracting(0..<end)) != nil { return true }
        } else if host.equalsIgnoringCase("localhost") {
            return true
        }
        let text = host.text().lowercased()
        if text.hasPrefix("[") {
            let name = text.dropFirst().prefix { $0 != "]" }
            return IPAddress(String(name)) != nil
        }
        let name = String(text.prefix { $0 != ":" })
        return name == "localhost" || IPAddress(name) != nil || hosts.contains(name)
    }

    // MARK: Origin

    /// Sent by pages (RFC 6454 §7): only one that came from this very address may call.
    private func checkOrigin(_ head: borrowing RequestHead) throws(AdminError) {
        guard head.fields.contains(.origin) else { return }
        guard let index = head.fields.onlyIndex(of: .origin) else { throw Self.foreignOrigin }
        let origin = head.fields.value(at: index).text().lowercased()
        let host = head.authority.text().lowercased()
        guard !host.isEmpty, origin == "http://\(host)" || origin == "https://\(host)" else {
            throw Self.foreignOrigin
        }
    }

    private static let foreignOrigin = AdminError(
        status: 403, "foreign_origin", "pages of other origins may not call this address")

    // MARK: Media type

    /// What no form can send, and no page without being allowed to.
    private static func saysJSON(_ fields: borrowing Fields) -> Bool {
        guard let index = fields.onlyIndex(of: .contentType) else { return false }
        let value = fields.value(at: index)
        var end = 0
        while end < value.count, value[end] != ASCII.semicolon, !ASCII.isBlank(value[end]) { end += 1 }
        return value.extracting(0..<end).equalsIgnoringCase("application/json")
    }
}
