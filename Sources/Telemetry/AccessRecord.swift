// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import CacheRules

/// The numbers of one access log line.
package struct AccessFacts: Sendable {
    package var time: Moment
    package var status: UInt16
    package var outcome: CacheOutcome
    package var durationNanoseconds: UInt64
    package var bytesSent: UInt64 = 0
    package var bytesReceived: UInt64 = 0
    /// 0 when no upstream was asked.
    package var upstreamNanoseconds: UInt64 = 0
    package var upstreamStatus: UInt16?
    /// What was left of the lifetime; negative when stale.
    package var ttlSeconds: Int64?
    package var wasCollapsed = false
    package var wasStored = false

    package init(time: Moment, status: UInt16, outcome: CacheOutcome, durationNanoseconds: UInt64) {
        self.time = time
        self.status = status
        self.outcome = outcome
        self.durationNanoseconds = durationNanoseconds
    }
}

/// The texts of one access log line, borrowed for the time of writing it; empty means absent. There is no place
/// for Authorization or Cookie.
package struct AccessTexts: ~Escapable {
    package let client: Span<UInt8>
    /// Who opened the connection, where that is a proxy.
    package let peer: Span<UInt8>
    package let method: Span<UInt8>
    /// As the client sent it; what the redaction names is left out when it is written.
    package let target: Span<UInt8>
    /// `HTTP/1.1`
    package let version: Span<UInt8>
    package let host: Span<UInt8>
    /// Why it was no hit, or was not stored: one of a fixed set of words.
    package let reason: Span<UInt8>
    package let route: Span<UInt8>
    /// Address of the server that was asked last.
    package let upstream: Span<UInt8>
    package let userAgent: Span<UInt8>
    package let referer: Span<UInt8>
    package let requestID: Span<UInt8>

    @_lifetime(
        copy client, copy peer, copy method, copy target, copy version, copy host, copy reason, copy route,
        copy upstream,
        copy userAgent, copy referer, copy requestID)
    package init(
        client: Span<UInt8>, method: Span<UInt8>, target: Span<UInt8>, version: Span<UInt8>, host: Span<UInt8>,
        reason: Span<UInt8> = Span(), route: Span<UInt8> = Span(), peer: Span<UInt8> = Span(),
        upstream: Span<UInt8> = Span(),
        userAgent: Span<UInt8> = Span(), referer: Span<UInt8> = Span(), requestID: Span<UInt8> = Span()
    ) {
        self.client = client
        self.peer = peer
        self.method = method
        self.target = target
        self.version = version
        self.host = host
        self.reason = reason
        self.route = route
        self.upstream = upstream
        self.userAgent = userAgent
        self.referer = referer
        self.requestID = requestID
    }
}
