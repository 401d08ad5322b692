// SPDX-License-Identifier: Apache-2.0

/// What `detail` of Cache-Status says of what Larder did itself, besides why a response was not stored and, in words,
/// why a request could not be understood. A test compares the list with what is said.
package enum LocalDetail {
    package static let all: [StaticString] = [
        "body-ended-early", "body-timeout", "body-too-large", "coalesced-failure", "coding-cancelled",
        "coding-damaged", "coding-out-of-memory", "coding-too-large", "coding-truncated", "connection-memory", "l2",
        "malformed-chunk", "max-forwards", "method", "no-route", "only-if-cached", "origin-broke-off", "purge",
        "purged", "request-head-timeout", "too-many-streams", "too-many-tunnels", "too-many-waiting",
        "too-slow-for-others", "too-slow-to-share", "tunnel-idle", "unasked-upgrade", "upstream-closed",
        "upstream-connect-failed", "upstream-connect-timeout",
        "upstream-draining", "upstream-excessive-interim", "upstream-length-differs", "upstream-malformed",
        "upstream-not-resolved", "upstream-queue-full", "upstream-queue-timeout", "upstream-timeout",
        "upstream-transfer-coding", "via-loop",
    ]
}
