// SPDX-License-Identifier: Apache-2.0

/// The life of a request, step by step. `.github/docs/caching.md` shows this table.
package enum RequestStep: String, CaseIterable, Sendable {
    case accept, parse, route, key, l1, coalesce, l2, upstream, store, respond, record

    package var purpose: StaticString {
        switch self {
        case .accept: "take the connection; its loop keeps it for life"
        case .parse: "bytes become one well-formed request, or a refusal"
        case .route:
            "the path in its normal form chooses the rules: host beats path, exact beats prefix beats glob beats /*"
        case .key: "method class, host, path, query and, on some routes, the body become the key; Vary adds the variant"
        case .l1: "memory answers if what it holds is fresh, or may be used stale"
        case .coalesce: "one fetch per key: the first leads, the others follow it; among nodes too if the route says so"
        case .l2: "Redis, if there is one, answers what memory could not; it has milliseconds to do so"
        case .upstream: "a pooled connection carries the request; a stored validator makes it conditional"
        case .store: "the answer is kept if the law and the route allow it, else the reason is named"
        case .respond: "whole, 304, 206, or streamed as it arrives"
        case .record: "one outcome feeds Cache-Status, access log and metrics"
        }
    }
}
