// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

extension DirectiveTable {
    static let redis = Directive<ProxySettings>(
        "redis",
        [
            .text(
                "URL",
                "redis://USER:PASSWORD@HOST:PORT/DB, of which HOST alone must be there; HOST:PORT; or unix:PATH.",
                read: { redis, text in redis.read(text) }, write: { $0.address.description }
            ).required
        ],
        keys: [
            .text(
                "user", "The user of an access list; else the default one.",
                read: { redis, text in
                    if redis.user != nil { return .init("the URL names a user already") }
                    redis.user = text
                    return nil
                }, write: { $0.user })
        ] + Parameter<RedisSettings>.secret(\.password, name: "password", "What the server asks for.") + [
            .number("db", \.database, RedisSettings.databases, "The database."),
            .text(
                "prefix", "What every key begins with: nodes that share it share one cache.",
                read: { redis, text in
                    redis.prefix = text
                    return TextCheck.isName(text) ? nil : .init("\"\(text)\" is no name: letters, digits, _ and -")
                }, write: { $0.prefix }),
            .duration(
                "timeout", \.timeoutMilliseconds, 1...10_000,
                "How long an answer is waited for; past it the request goes to its upstream."),
            .duration("connect_timeout", \.connectMilliseconds, 1...60_000, "To open a connection and log in."),
            .size(
                "max_object", \.maxObjectBytes, 1 << 10...512 << 20,
                "Head and body of one response; a larger one is kept in memory alone."),
            .size(
                "write_queue", \.writeQueueBytes, 64 << 10...16 << 30,
                "Responses that wait to be written; past it they are not, and are counted."),
            .number(
                "hot_keys", \.hotKeys, 0...100_000, off: "none",
                "How many of the most used are remembered, and loaded when Larder starts."),
        ],
        "Keeps responses in Redis too, where other nodes and the next start find them.",
        "A request asks it only when memory has no answer, and waits no longer than timeout; while it fails it is not "
            + "asked. Better than password=, which shows in the file, is password_file=, or password=${NAME} from the "
            + "environment.",
        example: "redis redis://127.0.0.1:6379/0 prefix=shop timeout=20ms", isRepeatable: false,
        add: { settings, redis in
            settings.redis = redis
            return nil
        }, elements: { $0.redis.map { [$0] } ?? [] })
}
