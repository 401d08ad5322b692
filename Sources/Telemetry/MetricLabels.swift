// SPDX-License-Identifier: Apache-2.0
import CacheRules

/// The texts behind the small numbers that a request is recorded with. They come from the configuration and from
/// the cache rules, never from a client, which bounds the number of time series.
package struct MetricLabels: Sendable, Equatable {
    /// `RequestRecord.route` is an index here.
    package var routes: [String]
    /// `RequestRecord.notStoredReason` is an index here.
    package var notStoredReasons: [String]
    /// `RequestRecord.staleReason` is an index here.
    package var staleReasons: [String]

    /// Without other words, reasons are the raw values of `NotStoredReason` and `StaleReason`.
    package init(routes: [String], notStoredReasons: [String]? = nil, staleReasons: [String]? = nil) {
        self.routes = routes
        self.notStoredReasons = notStoredReasons ?? NotStoredReason.allCases.map { "\($0.label)" }
        self.staleReasons = staleReasons ?? StaleReason.allCases.map { "\($0.label)" }
    }

    /// Stands for an index that has no text.
    package static let unknown = "other"
    /// Stands for requests that met no route.
    package static let noRoute = "none"

    package func route(_ index: Int) -> String { index < routes.count ? routes[index] : Self.noRoute }

    package func notStoredReason(_ index: Int) -> String {
        index < notStoredReasons.count ? notStoredReasons[index] : Self.unknown
    }

    package func staleReason(_ index: Int) -> String {
        index < staleReasons.count ? staleReasons[index] : Self.unknown
    }
}
