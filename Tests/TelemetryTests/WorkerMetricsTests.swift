// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import Testing

@testable import Telemetry

let sampleLabels = MetricLabels(
    routes: ["/api/users/*", "/static/*"], notStoredReasons: ["no-store", "private"],
    staleReasons: ["while-revalidate", "if-error"])

func sampleRecord(
    route: UInt16 = 0, _ outcome: CacheOutcome = .hit, status: UInt16 = 200, milliseconds: UInt64 = 1,
    method: Method = .get
) -> RequestRecord {
    RequestRecord(
        route: route, outcome: outcome, method: method, status: status,
        durationNanoseconds: milliseconds * 1_000_000)
}

func randomRecord(_ generator: inout SeededGenerator) -> RequestRecord {
    var record = RequestRecord(
        route: [0, 1, RequestRecord.noRoute].randomElement(using: &generator) ?? 0,
        outcome: CacheOutcome.allCases.randomElement(using: &generator) ?? .hit,
        method: Method.labelled.randomElement(using: &generator) ?? .get,
        status: UInt16.random(in: 0...700, using: &generator), durationNanoseconds: generator.duration())
    record.upstreamNanoseconds = Bool.random(using: &generator) ? generator.duration() : 0
    record.bytesSent = UInt64.random(in: 0...100_000, using: &generator)
    record.bytesReceived = 300
    record.forwardReason = ForwardReason.allCases.randomElement(using: &generator)
    record.isSlow = Bool.random(using: &generator)
    record.notStoredReason = Bool.random(using: &generator) ? UInt8.random(in: 0...4, using: &generator) : nil
    record.staleReason = Bool.random(using: &generator) ? UInt8.random(in: 0...4, using: &generator) : nil
    return record
}

@Suite struct WorkerMetricsTests {
    @Test func aRequestIsCountedOnceInEachDimension() {
        var worker = WorkerMetrics(labels: sampleLabels)
        var record = sampleRecord(.stale, status: 404, milliseconds: 7)
        record.upstreamNanoseconds = 6_000_000
        record.bytesSent = 1_000
        record.bytesReceived = 200
        record.isSlow = true
        record.forwardReason = .varyMiss
        record.notStoredReason = 1
        record.staleReason = 1
        worker.record(record)
        let counts = worker.snapshot()
        let route = counts.routes[0]
        #expect(counts.requests == 1 && route.requests == 1)
        #expect(route[.stale].requests(.clientError) == 1 && route[.stale].requests(.success) == 0)
        #expect(route[.stale].bytesSent == 1_000 && route[.stale].bytesReceived == 200 && route[.stale].slow == 1)
        #expect(route[.hit] == OutcomeMetrics())
        #expect(route.forwarded(.varyMiss) == 1 && route.forwarded(.bypass) == 0)
        #expect(route.requests(.get) == 1 && route.requests(.post) == 0)
        #expect(route.upstreamDurations.maxNanoseconds == 6_000_000)
        #expect(route.notStored == [0, 1, 0] && counts.staleServed == [0, 1, 0])
    }

    @Test func whatHasNoNameIsCountedUnderTheLastPlace() {
        var worker = WorkerMetrics(labels: sampleLabels)
        var record = sampleRecord(route: RequestRecord.noRoute, .local, status: 999)
        record.notStoredReason = 200
        record.staleReason = 200
        worker.record(record)
        let counts = worker.snapshot()
        #expect(counts.routes[2][.local].requests(.invalid) == 1)
        #expect(counts.labels.route(2) == "none")
        #expect(counts.routes[2].notStored == [0, 0, 1] && counts.staleServed == [0, 0, 1])
    }

    @Test func reasonsAreNamedByTheRulesUnlessOthersAreGiven() {
        let labels = MetricLabels(routes: [])
        for reason in NotStoredReason.allCases {
            #expect(labels.notStoredReason(Int(reason.rawValue)) == "\(reason.label)")
        }
        for reason in StaleReason.allCases {
            #expect(labels.staleReason(Int(reason.rawValue)) == "\(reason.label)")
        }
        #expect(labels.staleReason(StaleReason.allCases.count) == "other")
    }

    @Test(arguments: 0..<8)
    func mergingWorkersIsRecordingIntoOne(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var first = WorkerMetrics(labels: sampleLabels)
        var second = WorkerMetrics(labels: sampleLabels)
        var whole = WorkerMetrics(labels: sampleLabels)
        for _ in 0..<400 {
            let record = randomRecord(&generator)
            whole.record(record)
            if Bool.random(using: &generator) { first.record(record) } else { second.record(record) }
        }
        var merged = first.snapshot()
        merged.merge(second.snapshot())
        #expect(merged == whole.snapshot())
        #expect(merged.requests == 400 && merged.total().requests == 400)
    }

    @Test func aSnapshotDoesNotChangeWithLaterRequests() {
        var worker = WorkerMetrics(labels: sampleLabels)
        worker.record(sampleRecord())
        let before = worker.snapshot()
        worker.record(sampleRecord())
        #expect(before.requests == 1 && worker.snapshot().requests == 2)
        #expect(worker.snapshot().since(before).requests == 1)
    }

    @Test func routesKeepTheirCountsByNameWhenTheConfigurationChanges() {
        var worker = WorkerMetrics(labels: sampleLabels)
        worker.record(sampleRecord(route: 0))
        worker.record(sampleRecord(route: 1))
        worker.record(sampleRecord(route: RequestRecord.noRoute))
        let before = worker.snapshot()
        var next = sampleLabels
        next.routes = ["/new", "/static/*"]
        worker.relabel(next)
        worker.record(sampleRecord(route: 1))
        let counts = worker.snapshot()
        #expect(counts.labels.routes == ["/new", "/static/*", "/api/users/*"])
        #expect(counts.routes.map(\.requests) == [0, 2, 1, 1])
        #expect(counts.since(before).routes.map(\.requests) == [0, 1, 0, 0])
        var merged = before
        merged.merge(counts)
        #expect(merged.labels.routes == ["/api/users/*", "/static/*", "/new"])
        #expect(merged.routes.map(\.requests) == [2, 3, 0, 2])
    }
}

@Suite struct WindowedMetricsTests {
    func moment(_ seconds: Int64) -> Moment {
        Moment(monotonicNanoseconds: seconds * 1_000_000_000, wallNanoseconds: 0)
    }

    @Test func theWindowForgetsWhatIsOlderThanItsSlots() {
        var worker = WorkerMetrics(labels: sampleLabels)
        var windowed = WindowedMetrics(slots: 6, start: worker.snapshot(), at: moment(0))
        for turn in 1...20 as ClosedRange<Int64> {
            for _ in 0..<turn { worker.record(sampleRecord()) }
            windowed.rotate(worker.snapshot(), at: moment(turn * 10))
        }
        let view = windowed.window(worker.snapshot(), at: moment(200))
        #expect(view.seconds == 60)
        #expect(view.counts.requests == 15 + 16 + 17 + 18 + 19 + 20)
        #expect(windowed.sinceReset(worker.snapshot(), at: moment(200)).counts.requests == 210)
    }

    @Test func beforeTheFirstTurnTheWindowIsAllThereIs() {
        var worker = WorkerMetrics(labels: sampleLabels)
        let windowed = WindowedMetrics(start: worker.snapshot(), at: moment(5))
        worker.record(sampleRecord())
        let view = windowed.window(worker.snapshot(), at: moment(8))
        #expect(view.counts.requests == 1 && view.seconds == 3)
    }

    @Test func aResetBeginsAnewAndLeavesTheWindowAlone() {
        var worker = WorkerMetrics(labels: sampleLabels)
        var windowed = WindowedMetrics(start: worker.snapshot(), at: moment(0))
        worker.record(sampleRecord())
        windowed.reset(worker.snapshot(), at: moment(10))
        worker.record(sampleRecord(.miss))
        let since = windowed.sinceReset(worker.snapshot(), at: moment(12))
        #expect(since.counts.requests == 1 && since.counts.routes[0][.miss].requests == 1 && since.seconds == 2)
        #expect(windowed.window(worker.snapshot(), at: moment(12)).counts.requests == 2)
    }
}
