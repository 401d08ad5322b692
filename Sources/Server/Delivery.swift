// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

/// How one answer is framed for its client (RFC 9112 §6), and how much of it has gone.
struct Delivery {
    enum Framing { case none, length, chunked, untilClose }

    let version: HTTPVersion
    let isHead: Bool
    private(set) var framing = Framing.none
    private(set) var status: UInt16 = 0
    private(set) var hasBegun = false
    /// Bytes of the body handed to the client; where it reads on in a body that grows.
    var cursor = 0
    /// The body in the coding that the client takes, where that is not the one it is stored in.
    var stream: CodedStream?
    /// What `stream` knows it by.
    var streamReader: Int?
    /// The same for a body that is not stored.
    var transform: RelayTransform?
    /// What went into `transform`, and what came out.
    var receivedByteCount = 0
    var transformedByteCount = 0
    /// Nothing tells when more of the body will come.
    var flushesTransform = false
    /// `transform` may hold back some of what came.
    var holdsBack = false

    init(version: HTTPVersion, isHead: Bool) {
        self.version = version
        self.isHead = isHead
    }

    var endsWithConnection: Bool { framing == .untilClose }
    /// The head speaks of a body that is not sent.
    var omitsBody: Bool { isHead || Status(status).hasNoBody }

    /// Chooses the framing; a client of HTTP/1.0 knows no chunks.
    mutating func begin(status: Status, contentLength: Int?) {
        self.status = status.code
        hasBegun = true
        if isHead || status.hasNoBody {
            framing = .none
        } else if contentLength != nil {
            framing = .length
        } else {
            framing = version == .http11 ? .chunked : .untilClose
        }
    }
}
