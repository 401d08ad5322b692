// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

extension DirectiveTable {
    static let nodes = Directive<ProxySettings>(
        "nodes", in: \.nodes, [],
        keys: [
            .text(
                "name", "What this node is called in answers and logs.", alternative: ("host", "the host's name"),
                read: { nodes, text in
                    nodes.name = text == "host" ? nil : text
                    return TextCheck.isToken(text) ? nil : .init("\"\(text)\" is no name of letters, digits and .-_")
                }, write: { $0.name ?? "host" }),
            .duration(
                "lease", \.leaseMilliseconds, 500...600_000,
                "How long a node that is not heard of is waited for, before an invalidation counts as confirmed without "
                    + "it."),
            .word(
                "on_redis_loss", \.onRedisLoss,
                "What a node does with its memory while it cannot hear of others' invalidations. serve: as ever, so that "
                    + "it may serve what others have invalidated, for at most `memory max_ttl`; revalidate: it asks the "
                    + "origin each time."),
            .number(
                "log", \.logEntries, 1000...10_000_000,
                "About how many invalidations the log in Redis holds. A node that was away for more drops its memory."),
            .duration(
                "sweep", \.sweepMilliseconds, 100...86_400_000,
                "How often one of the nodes looks for records in Redis that were invalidated, and frees their memory."),
        ],
        "Says how nodes that share a Redis keep in step: they follow one log of invalidations.",
        "Only with `redis`.", example: "nodes name=web-1 lease=5s on_redis_loss=revalidate")
}
