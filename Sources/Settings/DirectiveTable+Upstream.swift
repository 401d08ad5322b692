// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

extension DirectiveTable {
    static let upstream: [Directive<UpstreamSettings>] =
        [server, balance, pool, queue, timeout(\.timeouts), host, resolve, retries, unregisteredCoding]

    private static let server = Directive<UpstreamSettings>(
        "server",
        [
            .text(
                "HOST:PORT", "A name, IPv4:PORT, [IPv6]:PORT or unix:PATH; port 80 if it names none.",
                read: { server, text in
                    switch TextCheck.address(text, allowsNames: true, defaultPort: 80) {
                    case .success(let address): server.address = address
                    case .failure(let problem): return problem
                    }
                    return nil
                }, write: { $0.address.description }
            ).required
        ],
        keys: [
            .number("weight", \.weight, 1...1000, "Its share of the requests in relation to the other servers'.")
        ], "Adds a server to the upstream.", "At least one; may be said several times.",
        example: "server 10.0.0.11:3000 weight=2",
        add: { upstream, server in
            if upstream.servers.contains(where: { $0.address == server.address }) {
                return .init("\(server.address) is a server of this upstream already")
            }
            upstream.servers.append(server)
            return nil
        }, elements: { $0.servers })

    private static let balance = Directive<UpstreamSettings>(
        "balance", in: \.self, [Parameter.word("METHOD", \.balance, "round_robin: one after the other.").required],
        "Says which server gets the next request.", example: "balance round_robin")

    private static let pool = Directive<UpstreamSettings>(
        "pool", in: \.pool,
        keys: [
            .number("min", \.min, 0...100_000, "Connections kept open when nothing is to do."),
            .number("max", \.max, 1...100_000, "Connections at once, over all servers and workers."),
            .number(
                "streams", \.streams, 1...100_000,
                "Answers at once that go on for as long as somebody listens (text/event-stream, "
                    + "multipart/x-mixed-replace), besides max; past it 503."),
            .size(
                "min_rate", \.leastClientPace, 0...1 << 30, off: "no limit",
                "Bytes a second: when requests wait for a connection and more than half of the pool waits for clients, "
                    + "the slowest of those that move less give theirs up: 408, or a reset once the answer has begun."),
            .duration("idle_timeout", \.idleTimeoutMilliseconds, 1...day, "An idle connection is closed after it."),
        ], "Sizes the pool of connections to the upstream.", example: "pool min=4 max=64")

    private static let queue = Directive<UpstreamSettings>(
        "queue", in: \.queue,
        keys: [
            .number(
                "limit", \.limit, 1...1_000_000,
                "Requests that may wait, besides those for which a connection is being opened, at least one a worker; past "
                    + "it 503."),
            .duration(
                "timeout", \.timeoutMilliseconds, 1...hour, "How long one waits, the opening included; past it 503."),
        ], "Bounds the requests that wait while all connections of the pool are busy.",
        example: "queue limit=100 timeout=1s")

    private static let host = Directive<UpstreamSettings>(
        "host", in: \.self,
        [
            .text(
                "client|server|NAME", "What the client sent, the server's own name and port, or NAME.",
                read: { upstream, text in
                    switch text {
                    case "client": upstream.hostField = .client
                    case "server": upstream.hostField = .server
                    default:
                        if case .failure(let problem) = TextCheck.address(text, allowsNames: true, defaultPort: 80) {
                            return problem
                        }
                        guard !text.hasPrefix("unix:") else { return .init("\"\(text)\" is no host") }
                        upstream.hostField = .fixed(text)
                    }
                    return nil
                },
                write: { upstream in
                    switch upstream.hostField {
                    case .client: "client"
                    case .server: "server"
                    case .fixed(let name): name
                    }
                }
            ).required
        ], "Sets the Host field of requests to the upstream.", example: "host api.internal")

    private static let resolve = Directive<UpstreamSettings>(
        "resolve", in: \.self,
        keys: [
            .duration(
                "every", \.resolveEveryMilliseconds, 0...day, off: "only at the start",
                "How often the names of its servers are looked up.")
        ], "Says how often server names are looked up.",
        "A look-up that fails keeps the addresses of the one before.", example: "resolve every=10s")

    private static let retries = Directive<UpstreamSettings>(
        "retries", in: \.self,
        [Parameter.number("N", \.retries, 0...10, "Further attempts, on another server if there is one.").required],
        "Limits how often a failed request is tried again.",
        "Tried again are requests that no server has begun to work on, and idempotent ones without a body.",
        example: "retries 2")

    private static let unregisteredCoding = Directive<UpstreamSettings>(
        "unregistered_coding", in: \.self,
        [
            Parameter.word(
                "MODE", \.unregisteredCoding,
                "refuse: 502, as the content may be coded; ignore: the content as it is, to the connection's end."
            ).required
        ], "Says what an answer is whose Transfer-Encoding names one coding that nobody has registered.",
        "Some servers say binary, or a character set. A registered coding (gzip, br), and any beside chunked, is 502 "
            + "in either mode.", example: "unregistered_coding ignore")
}
