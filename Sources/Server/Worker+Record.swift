// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import Settings
import Storage
import Telemetry

/// Each request is counted once, and told once (promise 8).
extension Worker {
    func record(
        status: UInt16, request: borrowing ClientRequest, head: borrowing RequestHead, client: ClientConnection,
        answer: borrowing Answer
    ) {
        let end = loop.monotonicNanoseconds()
        let duration = max(0, end - request.startedNanoseconds)
        var record = RequestRecord(
            route: label(of: request.route), outcome: answer.outcome, method: head.method,
            status: status, durationNanoseconds: UInt64(duration))
        record.upstreamNanoseconds = UInt64(max(0, answer.upstreamNanoseconds))
        record.bytesReceived = UInt64(request.headByteCount + answer.receivedContentByteCount)
        let sent = client.takeSentByteCount(adding: ownOutputByteCount)
        record.bytesSent = sent.all
        record.notStoredReason = answer.notStored?.rawValue
        if answer.wasForwarded { record.forwardReason = answer.forward }
        record.staleReason = answer.stale?.rawValue
        if let coded = answer.coded {
            record.coding = coded.coding
            record.codedBytes = UInt64(coded.byteCount)
            record.savedBytes = UInt64(coded.savedByteCount)
        }
        record.isSlow = request.route.slowNanoseconds > 0 && duration > request.route.slowNanoseconds
        if status == 101 {
            // How long a tunnel stood says nothing of how fast it was opened.
            record.isSlow = false
            record.durationNanoseconds = min(record.durationNanoseconds, record.upstreamNanoseconds)
            metrics.record(record)
            record.durationNanoseconds = UInt64(duration)
        } else {
            metrics.record(record)
        }
        log?.write(
            record, contentByteCount: sent.content, route: request.route, head: head, client: client, answer: answer,
            worker: self)
    }

    /// Field lines of a request that were not sent on.
    func recordDropped(_ kind: DroppedField, _ count: Int, _ route: CompiledRoute) {
        if count > 0 { metrics.recordDropped(kind, count, route: label(of: route)) }
    }

    /// A request that outlived its configuration is counted under the route of the same label.
    func label(of route: CompiledRoute) -> UInt16 {
        if route.index < snapshot.routes.count, snapshot.routes[route.index] === route {
            return UInt16(truncatingIfNeeded: route.index)
        }
        let index = snapshot.labels.routes.firstIndex(of: route.label)
        return index.map { UInt16(truncatingIfNeeded: $0) } ?? RequestRecord.noRoute
    }

    /// A request that met no route, or that Larder answered on its own account.
    func recordLocal(
        status: Status, detail: StaticString, head: borrowing RequestHead, route: CompiledRoute?,
        client: ClientConnection
    ) {
        let duration = max(0, loop.kernel.monotonicNanoseconds() - client.startedNanoseconds)
        var record = RequestRecord(
            route: route.map(label) ?? RequestRecord.noRoute, outcome: .local,
            method: head.method, status: status.code, durationNanoseconds: UInt64(duration))
        let sent = client.takeSentByteCount(adding: ownOutputByteCount)
        record.bytesSent = sent.all
        metrics.record(record)
        var answer = Answer(outcome: .local)
        answer.detail = detail
        log?.write(
            record, contentByteCount: sent.content, route: route, head: head, client: client, answer: answer,
            worker: self)
    }

    /// Bytes that were no request.
    func recordRefusal(status: Status, detail: StaticString, client: ClientConnection) {
        recordLocal(status: status, detail: detail, head: RequestHead(), route: nil, client: client)
    }
}
