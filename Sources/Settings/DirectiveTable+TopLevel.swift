// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage

extension DirectiveTable {
    static let topLevel: [Directive<ProxySettings>] =
        [listen, admin, workers, memory, redis, nodes, timeout(\.timeouts), client, limits]
        + [accessLog, logLevel, eventLog, trustedProxies, forwarded, via, cacheName, xCache, purgeMethod, drainTimeout]

    private static let listen = Directive<ProxySettings>(
        "listen",
        [
            .text(
                "ADDRESS", "IPV4:PORT, [IPV6]:PORT, :PORT for all IPv4 addresses, or unix:PATH.",
                read: { listen, text in
                    switch TextCheck.address(text, allowsNames: false) {
                    case .success(let address): listen.address = address
                    case .failure(let problem): return problem
                    }
                    return nil
                }, write: { $0.address.description }
            ).required
        ],
        keys: [
            .word(
                "reuseport", \.portReuse,
                "auto: one listening socket per worker, and a port that another process listens on is an error; on: "
                    + "other processes that say so too may share it, so that a new one can start before the old one "
                    + "ends; off: one socket, whose connections one worker takes."),
            .number("backlog", \.backlog, 1...65535, "Connections the kernel holds ready until they are accepted."),
        ], "Names an address that clients connect to.", "May be said several times.",
        example: "listen 0.0.0.0:8080", hasDefault: true,
        add: { settings, listen in
            // Port 0 asks the kernel for a port, so that two of them are two.
            let isKnown = settings.listeners.contains { $0.address == listen.address }
            if isKnown, listen.address.port != 0 || listen.address.kind == .unix {
                return .init("\(listen.address) is listened on already")
            }
            settings.listeners.append(listen)
            return nil
        }, elements: { $0.listeners })

    private static let tokenHelp = "What callers send as `Authorization: Bearer TOKEN`."

    private static let admin = Directive<ProxySettings>(
        "admin",
        [
            .text(
                "ADDRESS", "As for listen.",
                read: { admin, text in
                    switch TextCheck.address(text, allowsNames: false) {
                    case .success(let address): admin.address = address
                    case .failure(let problem): return problem
                    }
                    return nil
                }, write: { $0.address?.description }
            ).required
        ],
        keys: Parameter<AdminDraft>.secret(\.token, name: "token", tokenHelp) + [
            .list(
                "hosts", "NAME", \.hosts, none: ("none", ""),
                "Names that Host may have besides addresses and localhost; whoever sends the token may have any.",
                check: { name in
                    TextCheck.isHostName(name)
                        ? .success(name.lowercased()) : .failure(.init("\"\(name)\" is no host name"))
                })
        ],
        "Opens the address of the admin calls: invalidation, metrics, health.",
        "Without it there is none. An address that other machines can reach needs a token. Without a token, calls that "
            + "change something need Content-Type: application/json. Better than token=, which shows in the file, is "
            + "token_file=, or token=${NAME} from the environment.",
        example: "admin 127.0.0.1:9900 token=${LARDER_TOKEN:-change-me}", isRepeatable: false,
        add: { settings, draft in
            guard let address = draft.address else { return nil }
            if !address.isLocal, draft.token == nil {
                return .init("\(address) can be reached from other machines and needs token_file= or token=")
            }
            settings.admin = AdminSettings(address: address, token: draft.token, hosts: draft.hosts)
            return nil
        },
        elements: { settings in
            guard let admin = settings.admin else { return [] }
            return [AdminDraft(address: admin.address, token: admin.token, hosts: admin.hosts)]
        })

    private static let workers = Directive<ProxySettings>(
        "workers", in: \.self,
        [
            Parameter.number(
                "N", \.workers, 1...1024, none: ("auto", "one per core"), "How many event loops share the traffic."
            ).required
        ], "Sets the number of event loops, each with a thread of its own.", example: "workers auto")

    private static let memory = Directive<ProxySettings>(
        "memory", in: \.memory,
        [
            Parameter.size(
                "SIZE", \.limitBytes, 1 << 20...1 << 44,
                "What is stored, keys and bookkeeping included, and what connections hold."
            ).required
        ],
        keys: [
            .percent(
                "connections", \.connectionPercent, 1...75,
                "The part of it for what clients make Larder hold: begun heads, collected bodies, answers that they "
                    + "do not take; at least 4MB. Past it newcomers get 503 and the slowest are cut off; stored "
                    + "responses do not pay for it."),
            .size(
                "max_object", \.maxObjectBytes, 1 << 10...1 << 40,
                "Head and body of one response; a larger one is passed on and not stored."),
            .duration(
                "max_ttl", \.maxTTLMilliseconds, 0...365 * day, off: "no limit",
                "No entry is fresh in memory for longer."),
        ], "Limits the memory of the process.", example: "memory 1GB connections=20% max_object=8MB max_ttl=5m")

    private static let client = Directive<ProxySettings>(
        "client", in: \.client,
        keys: [
            .duration(
                "keep_alive", \.keepAliveMilliseconds, 0...day, off: "no limit", "An idle connection between requests."),
            .duration(
                "head_timeout", \.headTimeoutMilliseconds, 0...hour, off: "no limit",
                "Until a request's head is complete; past it 408."),
            .duration(
                "body_idle", \.bodyIdleMilliseconds, 0...hour, off: "no limit",
                "Between two pieces of a request body; past it 408."),
            .duration(
                "send_idle", \.sendIdleMilliseconds, 0...hour, off: "no limit",
                "While the client takes no byte of its response; past it the connection is closed."),
            .number(
                "max_requests", \.maxRequests, 0...1_000_000_000, off: "no limit",
                "Requests on one connection before it is closed."),
        ], "Limits how long clients are waited for.", example: "client keep_alive=2m max_requests=1000")

    private static let limits = Directive<ProxySettings>(
        "limits", in: \.limits,
        keys: [
            .size("request_line", \.requestLineBytes, 128...1 << 20, "The request line; past it 414."),
            .size("field_line", \.fieldLineBytes, 128...1 << 20, "One field line of a request; past it 431."),
            .size("head", \.headBytes, 256...16 << 20, "All of a request's head; past it 431."),
            .number("fields", \.fieldCount, 1...10_000, "Field lines of a head; past it 431."),
            .size("body", \.bodyBytes, 0...1 << 44, off: "no limit", "A request's body; past it 413."),
            .size("response_head", \.responseHeadBytes, 256...16 << 20, "All of a response's head; past it 502."),
            .number(
                "connections", \.connections, 1...10_000_000,
                "Client connections at once; past it a head that does not end or the longest idle one gives way; "
                    + "without one further ones wait."),
        ], "Bounds what peers may send.", example: "limits body=10MB connections=20000")

    private static let accessLog = Directive<ProxySettings>(
        "access_log", in: \.log,
        [
            Parameter.word("FORMAT", \.accessFormat, "One JSON object a line, the combined format, or nothing.")
                .required,
            destination("DESTINATION", \.accessDestination),
        ],
        keys: [
            .list(
                "redact", "NAME", \.redactedParameters, none: ("none", ""),
                "Query parameters whose values are logged as ***, in any spelling of the name.",
                check: TextCheck.visible)
        ], "Logs every request.",
        example: "access_log combined /var/log/larder/access.log redact=token,api_key")

    private static let logLevel = Directive<ProxySettings>(
        "log_level", in: \.log, [Parameter.word("LEVEL", \.level, "The least important that is shown.").required],
        "Sets what the event log shows.", example: "log_level warning")

    private static let eventLog = Directive<ProxySettings>(
        "event_log", in: \.log, [destination("DESTINATION", \.eventDestination).required],
        "Says where events go: start, reload, upstreams that fail.", example: "event_log /var/log/larder/events.log")

    private static func destination(
        _ name: String, _ path: any WritableKeyPath<LogSettings, LogSettings.Destination> & Sendable
    ) -> Parameter<LogSettings> {
        Parameter(
            name, .text("stdout|stderr|PATH"), help: "Where to; a PATH is appended to.",
            store: { log, value in
                guard case .text(let text) = value else { return nil }
                switch text {
                case "stdout": log[keyPath: path] = .standardOutput
                case "stderr": log[keyPath: path] = .standardError
                default:
                    guard text.contains("/") else {
                        return .init("expected stdout, stderr or a PATH with a /, got \"\(text)\"")
                    }
                    log[keyPath: path] = .file(text)
                }
                return nil
            },
            write: { log in
                switch log[keyPath: path] {
                case .standardOutput: "stdout"
                case .standardError: "stderr"
                case .file(let path): path
                }
            })
    }

    private static let trustedProxies = Directive<ProxySettings>(
        "trusted_proxies", in: \.self,
        [
            .text(
                "CIDR", "A network or an address.",
                read: { settings, text in
                    switch TextCheck.range(text) {
                    case .success(let range): settings.trustedProxies.append(range)
                    case .failure(let problem): return problem
                    }
                    return nil
                },
                write: { settings in
                    let all = settings.trustedProxies.map(\.description)
                    return all.isEmpty ? nil : all.joined(separator: " ")
                }
            ).repeated
        ],
        keys: [
            .word(
                "fields", \.trustedFields,
                "What all of them write: X-Forwarded-For and its kin, Forwarded, or both. The others are taken for their "
                    + "clients' word, which they pass on, and treated as a stranger's.")
        ], "Names the peers whose X-Forwarded-* or Forwarded fields are believed.",
        "Without it nobody's are: the client is whoever opened the connection. With it the client, for the access log, "
            + "`purge_method` and the shares of a pool, is the last address in X-Forwarded-For (or Forwarded, as fields= "
            + "says) that is none of these. Where one of them says that its client is hidden or unknown, the log has the "
            + "proxy, and PURGE is refused. What they say cannot be taken away by naming it in Connection.",
        example: "trusted_proxies 10.0.0.0/8 2001:db8::/32")

    private static let forwarded = Directive<ProxySettings>(
        "forwarded", in: \.self, [Parameter.word("MODE", \.forwarded, "What is sent to the upstream.").required],
        "Sets what becomes of X-Forwarded-For, -Proto, -Host and Forwarded.",
        "append adds this hop to what a trusted proxy wrote and drops what anybody else sent; replace drops all and "
            + "names this hop alone; off passes all of it unchanged, on routes that store from trusted proxies alone "
            + "(`request_fields`). What a trusted proxy says of scheme and host is keyed.",
        example: "forwarded replace")

    private static let via = Directive<ProxySettings>(
        "via", in: \.self,
        [
            .text(
                "on|off|NAME", "on for larder- and a number, a new one for each start.",
                read: { settings, text in
                    settings.via = text == "off" ? .off : text == "on" ? .ownName : .name(text)
                    return TextCheck.isToken(text) ? nil : .init("\"\(text)\" is no token")
                },
                write: { settings in
                    switch settings.via {
                    case .off: "off"
                    case .ownName: "on"
                    case .name(let name): name
                    }
                }
            ).required
        ], "Sends a Via field (RFC 9110) in both directions.",
        "A request whose Via has the name of this Larder has been here before: it goes in a circle and is answered with "
            + "508. So two through which a request passes must not be given the same NAME. With off, a loop of proxies is "
            + "not noticed.", example: "via edge-1")

    private static let cacheName = Directive<ProxySettings>(
        "cache_name", in: \.self,
        [
            .text(
                "NAME", "A token that begins with a letter.",
                read: { settings, text in
                    settings.cacheName = text
                    let isRight = TextCheck.isToken(text) && text.first?.isLetter == true
                    return isRight ? nil : .init("expected a token that begins with a letter, got \"\(text)\"")
                }, write: { $0.cacheName }
            ).required
        ], "Sets the name of this cache in the Cache-Status field (RFC 9211).", example: "cache_name edge-1")

    private static let xCache = Directive<ProxySettings>(
        "x_cache", in: \.self, [Parameter.flag("SWITCH", \.sendsXCache, "Whether it is sent.").required],
        "Sends X-Cache: HIT, MISS and so on, besides Cache-Status.", example: "x_cache on")

    private static let purgeMethod = Directive<ProxySettings>(
        "purge_method", in: \.purgeMethod,
        [Parameter.flag("SWITCH", \.isEnabled, "Whether PURGE is taken.").required],
        keys: [
            Parameter(
                "allow", .list("CIDR"),
                help:
                    "The clients it is taken from, as `trusted_proxies` name them; with a token as well, both must hold.",
                store: { purge, value in
                    guard case .list(let items) = value else { return nil }
                    purge.allowed = []
                    for item in items {
                        switch TextCheck.range(item) {
                        case .success(let range): purge.allowed.append(range)
                        case .failure(let problem): return problem
                        }
                    }
                    return nil
                }, write: { $0.allowed.map(\.description).joined(separator: ",") })
        ] + Parameter.secret(\.token, name: "token", tokenHelp),
        "Lets clients invalidate a URL by the method PURGE.",
        example: "purge_method on allow=10.0.0.0/8 token=${LARDER_TOKEN:-change-me}")

    private static let drainTimeout = Directive<ProxySettings>(
        "drain_timeout", in: \.self,
        [
            Parameter.duration(
                "DURATION", \.drainTimeoutMilliseconds, 0...hour, "What is under way then is cut off."
            ).required
        ], "Limits how long SIGTERM waits for requests under way.", example: "drain_timeout 1m")
}
