// SPDX-License-Identifier: Apache-2.0
import Redis
import RequestFlow
import Telemetry

/// What became of a question to the second tier, for a response or one of its forms.
enum TierLookupResult: Int, CaseIterable, Sendable {
    case hit
    case miss
    /// It had a response that an invalidation has overtaken, or may have; or a form of another body than the response has
    /// now.
    case outdated
    /// What lay there was no record of that kind, or not for that key, and was deleted.
    case damaged
    case error
    case timeout
    /// There was no connection: the request did not wait.
    case notAsked

    var isAnswer: Bool {
        switch self {
        case .hit, .miss, .outdated, .damaged: true
        case .error, .timeout, .notAsked: false
        }
    }

    var label: String {
        switch self {
        case .hit: "hit"
        case .miss: "miss"
        case .outdated: "outdated"
        case .damaged: "damaged"
        case .error: "error"
        case .timeout: "timeout"
        case .notAsked: "not-asked"
        }
    }
}

/// What became of a response, or a form, that was to be kept in the second tier.
enum TierWriteResult: Int, CaseIterable, Sendable {
    case written
    case error
    case timeout
    case tooLarge
    case queueFull
    case notConnected
    /// Of no use to anybody when it would be there.
    case shortLived
    /// How much of the shared log its fetch knew is not known any more.
    case unproven

    var label: String {
        switch self {
        case .written: "written"
        case .error: "error"
        case .timeout: "timeout"
        case .tooLarge: "too-large"
        case .queueFull: "queue-full"
        case .notConnected: "not-connected"
        case .shortLived: "short-lived"
        case .unproven: "unproven"
        }
    }
}

/// A count for each case, found by its number: to look into a dictionary costs more than all else that is counted.
struct Tally<Kind: CaseIterable & RawRepresentable>: Sendable where Kind.RawValue == Int {
    private var counts = ContiguousArray<UInt64>(repeating: 0, count: Kind.allCases.count)

    subscript(kind: Kind) -> UInt64 {
        get { counts[kind.rawValue] }
        set { counts[kind.rawValue] = newValue }
    }

    mutating func add(_ other: Tally) {
        for index in counts.indices { counts[index] += other.counts[index] }
    }
}

/// What the second tier of one worker has counted; summed over all of them.
struct TierFigures: Sendable {
    var lookups = Tally<TierLookupResult>()
    var durations = LatencyHistogram()
    var writes = Tally<TierWriteResult>()
    var forms = Tally<TierLookupResult>()
    var formWrites = Tally<TierWriteResult>()
    /// Of fetches that nodes make in turn.
    var turns: [TurnEnd: UInt64] = [:]
    var turnWaits = LatencyHistogram()
    var queueBytes = 0
    /// Of hot keys, at the start.
    var loaded: UInt64 = 0
    var readingLinks = LinkSum()
    var writingLinks = LinkSum()

    /// One kind of connection, of all workers.
    struct LinkSum: Sendable {
        /// Links by the state of their circuit breaker.
        var closed = 0
        var open = 0
        var halfOpen = 0
        var opened: UInt64 = 0
        var bytesSent: UInt64 = 0
        var bytesReceived: UInt64 = 0
        var failures: [RedisFailure: UInt64] = [:]

        init() {}

        init(_ figures: RedisLinkFigures) {
            switch figures.breaker {
            case .closed: closed = 1
            case .open: open = 1
            case .halfOpen: halfOpen = 1
            }
            opened = figures.breakerOpened
            bytesSent = figures.bytesSent
            bytesReceived = figures.bytesReceived
            failures = figures.failures
        }

        mutating func add(_ other: LinkSum) {
            closed += other.closed
            open += other.open
            halfOpen += other.halfOpen
            opened += other.opened
            bytesSent += other.bytesSent
            bytesReceived += other.bytesReceived
            failures.merge(other.failures) { $0 + $1 }
        }
    }

    mutating func count(_ result: TierLookupResult) { lookups[result] += 1 }
    mutating func count(form result: TierLookupResult) { forms[result] += 1 }

    mutating func count(_ result: TierWriteResult, isForm: Bool) {
        if isForm { formWrites[result] += 1 } else { writes[result] += 1 }
    }

    mutating func add(_ other: TierFigures) {
        lookups.add(other.lookups)
        durations.merge(other.durations)
        writes.add(other.writes)
        forms.add(other.forms)
        formWrites.add(other.formWrites)
        turns.merge(other.turns) { $0 + $1 }
        turnWaits.merge(other.turnWaits)
        queueBytes += other.queueBytes
        loaded += other.loaded
        readingLinks.add(other.readingLinks)
        writingLinks.add(other.writingLinks)
    }
}

extension TierFigures {
    /// Every result is there from the start, so that rates begin at zero.
    var reading: L2Reading {
        var reading = L2Reading()
        reading.lookups = TierLookupResult.allCases.map { LabelledCount($0.label, lookups[$0]) }
        reading.durations = durations
        reading.writes = TierWriteResult.allCases.map { LabelledCount($0.label, writes[$0]) }
        reading.forms = TierLookupResult.allCases.map { LabelledCount($0.label, forms[$0]) }
        reading.formWrites = TierWriteResult.allCases.map { LabelledCount($0.label, formWrites[$0]) }
        reading.turns = TurnEnd.allCases.map { LabelledCount($0.rawValue, turns[$0] ?? 0) }
        reading.turnWaits = turnWaits
        reading.queueBytes = UInt64(clamping: queueBytes)
        reading.loaded = loaded
        reading.connections = [readingLinks.reading("read"), writingLinks.reading("write")]
        return reading
    }
}

extension TierFigures.LinkSum {
    fileprivate func reading(_ name: String) -> L2Reading.Connections {
        var reading = L2Reading.Connections(name: name)
        reading.breakers = [
            LabelledCount("closed", UInt64(closed)), LabelledCount("open", UInt64(open)),
            LabelledCount("half-open", UInt64(halfOpen)),
        ]
        reading.opened = opened
        reading.bytesSent = bytesSent
        reading.bytesReceived = bytesReceived
        reading.failures = RedisFailure.allCases.compactMap { kind in
            failures[kind].map { LabelledCount(kind.rawValue, $0) }
        }
        return reading
    }
}
