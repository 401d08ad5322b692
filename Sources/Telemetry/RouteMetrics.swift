// SPDX-License-Identifier: Apache-2.0
package import CacheRules
package import HTTPMessages

/// What one route answered with one outcome.
package struct OutcomeMetrics: Sendable, Equatable {
    package var durations = LatencyHistogram()
    package var bytesReceived: UInt64 = 0
    package var bytesSent: UInt64 = 0
    package var slow: UInt64 = 0
    private var byStatusClass = InlineArray<6, UInt64>(repeating: 0)

    package var requests: UInt64 { durations.count }

    package func requests(_ statusClass: StatusClass) -> UInt64 { byStatusClass[Int(statusClass.rawValue)] }

    mutating func record(_ request: RequestRecord) {
        durations.record(nanoseconds: request.durationNanoseconds)
        bytesReceived &+= request.bytesReceived
        bytesSent &+= request.bytesSent
        slow &+= request.isSlow ? 1 : 0
        byStatusClass[Int(StatusClass(request.status).rawValue)] &+= 1
    }

    package mutating func merge(_ other: OutcomeMetrics) {
        durations.merge(other.durations)
        bytesReceived &+= other.bytesReceived
        bytesSent &+= other.bytesSent
        slow &+= other.slow
        for index in byStatusClass.indices { byStatusClass[index] &+= other.byStatusClass[index] }
    }

    func since(_ earlier: OutcomeMetrics) -> OutcomeMetrics {
        var rest = OutcomeMetrics()
        rest.durations = durations.since(earlier.durations)
        rest.bytesReceived = bytesReceived.after(earlier.bytesReceived)
        rest.bytesSent = bytesSent.after(earlier.bytesSent)
        rest.slow = slow.after(earlier.slow)
        for index in byStatusClass.indices {
            rest.byStatusClass[index] = byStatusClass[index].after(earlier.byStatusClass[index])
        }
        return rest
    }

    func detached() -> OutcomeMetrics {
        var copy = self
        copy.durations = durations.detached()
        return copy
    }

    package static func == (left: OutcomeMetrics, right: OutcomeMetrics) -> Bool {
        left.durations == right.durations && left.bytesReceived == right.bytesReceived
            && left.bytesSent == right.bytesSent && left.slow == right.slow
            && left.byStatusClass.indices.allSatisfy { left.byStatusClass[$0] == right.byStatusClass[$0] }
    }
}

/// Why a field line of a request was not sent on.
package enum DroppedField: UInt8, CaseIterable, Sendable {
    case identity, unusualName, trailer

    package var label: StaticString {
        switch self {
        case .identity: "identity"
        case .unusualName: "unusual-name"
        case .trailer: "trailer"
        }
    }
}

/// What one route did.
package struct RouteMetrics: Sendable, Equatable {
    package private(set) var upstreamDurations = LatencyHistogram()
    /// One for each `CacheOutcome`, in the order of its raw values.
    private var outcomes: [OutcomeMetrics]
    private var byMethod: [UInt64]
    private var byForwardReason: [UInt64]
    private var dropped: [UInt64]
    /// One for each label, and a last one for reasons without a label.
    package private(set) var notStored: [UInt64]
    /// By the raw value of the coding.
    private var coded: [CodingMetrics]

    init(notStoredReasons: Int) {
        outcomes = Array(repeating: OutcomeMetrics(), count: CacheOutcome.allCases.count)
        byMethod = Array(repeating: 0, count: Method.labelled.count)
        byForwardReason = Array(repeating: 0, count: ForwardReason.allCases.count)
        dropped = Array(repeating: 0, count: DroppedField.allCases.count)
        notStored = Array(repeating: 0, count: notStoredReasons + 1)
        coded = Array(repeating: CodingMetrics(), count: ContentCoding.allCases.count)
    }

    package subscript(coding: ContentCoding) -> CodingMetrics { coded[Int(coding.rawValue)] }

    mutating func record(_ made: CodingMetrics, _ coding: ContentCoding) { coded[Int(coding.rawValue)].merge(made) }

    package subscript(outcome: CacheOutcome) -> OutcomeMetrics { outcomes[Int(outcome.rawValue)] }

    package func requests(_ method: Method) -> UInt64 { byMethod[method.labelIndex] }

    package func forwarded(_ reason: ForwardReason) -> UInt64 { byForwardReason[Int(reason.rawValue)] }

    package func dropped(_ kind: DroppedField) -> UInt64 { dropped[Int(kind.rawValue)] }

    mutating func recordDropped(_ kind: DroppedField, _ count: Int) {
        dropped[Int(kind.rawValue)] &+= UInt64(clamping: count)
    }

    package var requests: UInt64 { outcomes.reduce(0) { $0 &+ $1.requests } }

    /// All outcomes together.
    package func total() -> OutcomeMetrics {
        outcomes.reduce(into: OutcomeMetrics()) { $0.merge($1) }
    }

    mutating func record(_ request: RequestRecord) {
        outcomes[Int(request.outcome.rawValue)].record(request)
        byMethod[request.method.labelIndex] &+= 1
        if request.upstreamNanoseconds > 0 { upstreamDurations.record(nanoseconds: request.upstreamNanoseconds) }
        if let reason = request.forwardReason { byForwardReason[Int(reason.rawValue)] &+= 1 }
        if request.coding != .identity {
            coded[Int(request.coding.rawValue)].answered(bytes: request.codedBytes, saving: request.savedBytes)
        }
        if let reason = request.notStoredReason { notStored[min(Int(reason), notStored.count - 1)] &+= 1 }
    }

    mutating func merge(_ other: RouteMetrics) {
        upstreamDurations.merge(other.upstreamDurations)
        for index in outcomes.indices { outcomes[index].merge(other.outcomes[index]) }
        byMethod.add(other.byMethod)
        byForwardReason.add(other.byForwardReason)
        dropped.add(other.dropped)
        notStored.add(other.notStored)
        for index in coded.indices { coded[index].merge(other.coded[index]) }
    }

    func since(_ earlier: RouteMetrics) -> RouteMetrics {
        var rest = self
        rest.upstreamDurations = upstreamDurations.since(earlier.upstreamDurations)
        for index in outcomes.indices { rest.outcomes[index] = outcomes[index].since(earlier.outcomes[index]) }
        rest.byMethod.subtract(earlier.byMethod)
        rest.byForwardReason.subtract(earlier.byForwardReason)
        rest.dropped.subtract(earlier.dropped)
        rest.notStored.subtract(earlier.notStored)
        for index in coded.indices { rest.coded[index] = coded[index].since(earlier.coded[index]) }
        return rest
    }

    func detached() -> RouteMetrics {
        var copy = self
        copy.upstreamDurations = upstreamDurations.detached()
        copy.outcomes = outcomes.map { $0.detached() }
        copy.byMethod = byMethod.map { $0 }
        copy.byForwardReason = byForwardReason.map { $0 }
        copy.dropped = dropped.map { $0 }
        copy.notStored = notStored.map { $0 }
        copy.coded = coded.map { $0 }
        return copy
    }
}

extension UInt64 {
    /// How far a counter ran on after `earlier`; 0 if it was begun anew.
    func after(_ earlier: UInt64) -> UInt64 { self > earlier ? self - earlier : 0 }
}

extension [UInt64] {
    mutating func add(_ other: [UInt64]) {
        for index in indices where index < other.count { self[index] &+= other[index] }
    }

    mutating func subtract(_ earlier: [UInt64]) {
        for index in indices where index < earlier.count { self[index] = self[index].after(earlier[index]) }
    }
}
