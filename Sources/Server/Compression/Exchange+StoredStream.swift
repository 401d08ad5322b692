// SPDX-License-Identifier: Apache-2.0
import CacheRules
import HTTPMessages
import HTTPWire
import RequestFlow
import Storage

/// A long stored body that came in a coding is decoded while it is sent, a step in each turn of the loop.
extension Exchange {
    func streamDecoded(_ stored: StoredResponse) {
        let response = worker.storedStreams.response(for: stored)
        isBodyComplete = true
        guard begins(response) else { return finish(status: Status(499)) }
        deliver(response)
    }
}

extension Worker {
    /// Whether this client gets a stored body decoded that takes more time than one turn of the loop may.
    func decodesInSteps(_ stored: StoredResponse, for head: borrowing RequestHead, _ route: CompiledRoute) -> Bool {
        guard stored.coding != .identity, stored.bodyCount > Self.maximumDecodedAtOnceBytes,
            !stored.metadata.flags.contains(.isPartial), !Status(stored.metadata.status).hasNoBody,
            coding(of: stored.coding, isCompressible: false, count: stored.bodyCount, for: head, route.compression)
                == .identity,
            store.current(stored)?.forms?[.identity] == nil
        else { return false }
        return ConditionalRequest.evaluate(head, eTag: stored.eTag, metadata: stored.metadata) != .notModified
    }

    /// Decoded it is at most so much longer (`DecodingLimit`) that it takes a few milliseconds, and mostly a tenth.
    static var maximumDecodedAtOnceBytes: Int { 8 << 10 }
}

/// Stored bodies that are being decoded for clients of one loop.
struct StoredStreams {
    private var underWay: [ObjectIdentifier: StreamedResponse] = [:]

    mutating func response(for stored: StoredResponse) -> StreamedResponse {
        if let response = underWay[stored.identity] { return response }
        let response = StreamedResponse(of: stored)
        underWay[stored.identity] = response
        return response
    }

    /// A reader has gone; the last one takes it along.
    mutating func left(_ response: StreamedResponse) {
        guard !underWay.isEmpty, response.body.readerCount == 0, let id = response.stored?.identity,
            underWay[id] === response
        else { return }
        underWay[id] = nil
    }
}
