// SPDX-License-Identifier: Apache-2.0
import HTTPMessages

/// What was counted up to one point in time, of one event loop or of several merged.
package struct MetricsSnapshot: Sendable, Equatable {
    package private(set) var labels: MetricLabels
    /// One for each of `labels.routes`, and a last one for requests without a route.
    package private(set) var routes: [RouteMetrics]
    /// One for each of `labels.staleReasons`, and a last one for reasons without a label.
    package private(set) var staleServed: [UInt64]

    package init(labels: MetricLabels) {
        self.labels = labels
        routes = Array(
            repeating: RouteMetrics(notStoredReasons: labels.notStoredReasons.count), count: labels.routes.count + 1)
        staleServed = Array(repeating: 0, count: labels.staleReasons.count + 1)
    }

    package var requests: UInt64 { routes.reduce(0) { $0 &+ $1.requests } }

    /// Routes as one, for the totals.
    package func total() -> RouteMetrics {
        routes.reduce(into: RouteMetrics(notStoredReasons: labels.notStoredReasons.count)) { $0.merge($1) }
    }

    mutating func record(_ request: RequestRecord) {
        routes[min(Int(request.route), routes.count - 1)].record(request)
        if let reason = request.staleReason { staleServed[min(Int(reason), staleServed.count - 1)] &+= 1 }
    }

    mutating func record(_ made: CodingMetrics, _ coding: ContentCoding, route: UInt16) {
        routes[min(Int(route), routes.count - 1)].record(made, coding)
    }

    mutating func recordDropped(_ kind: DroppedField, _ count: Int, route: UInt16) {
        routes[min(Int(route), routes.count - 1)].recordDropped(kind, count)
    }

    /// Adds what `other` counted. Routes meet by name, and a route unknown here is added, so that loops which
    /// have not yet taken over a new configuration lose nothing.
    package mutating func merge(_ other: MetricsSnapshot) {
        staleServed.add(other.staleServed)
        guard other.labels.routes != labels.routes else {
            for index in routes.indices { routes[index].merge(other.routes[index]) }
            return
        }
        routes[routes.count - 1].merge(other.routes[other.routes.count - 1])
        for (index, name) in other.labels.routes.enumerated() {
            routes[place(of: name)].merge(other.routes[index])
        }
    }

    private mutating func place(of route: String) -> Int {
        if let known = labels.routes.firstIndex(of: route) { return known }
        labels.routes.append(route)
        let added = labels.routes.count - 1
        routes.insert(RouteMetrics(notStoredReasons: labels.notStoredReasons.count), at: added)
        return added
    }

    /// What was counted after `earlier`, an older snapshot of the same loops.
    package func since(_ earlier: MetricsSnapshot) -> MetricsSnapshot {
        var rest = self
        rest.staleServed.subtract(earlier.staleServed)
        for index in routes.indices {
            guard let before = earlier.metrics(ofRoute: labels.route(index), at: index, in: self) else { continue }
            rest.routes[index] = routes[index].since(before)
        }
        return rest
    }

    private func metrics(ofRoute name: String, at index: Int, in later: MetricsSnapshot) -> RouteMetrics? {
        if index == later.labels.routes.count { return routes[routes.count - 1] }
        if labels.routes == later.labels.routes { return routes[index] }
        return labels.routes.firstIndex(of: name).map { routes[$0] }
    }

    func detached() -> MetricsSnapshot {
        var copy = self
        copy.routes = routes.map { $0.detached() }
        copy.staleServed = staleServed.map { $0 }
        return copy
    }
}
