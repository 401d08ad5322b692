// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Bodies of which only parts have come (RFC 9111 §3.3).
extension StoredBody {
    /// More separate parts than these are not kept of one body.
    package static let maximumParts = 32
    /// Neighbouring pieces are put together up to this size, so that what was fetched in crumbs is found fast.
    private static let joinedByteLimit = 64 << 10

    /// `content` at its place in a body of `count` bytes.
    package convenience init(part content: StoredBody, at start: Int, of count: Int) {
        precondition(start >= 0 && start + content.count <= count && content.count > 0)
        let moved = content.pieces.pieces.map {
            BodyPiece(segment: $0.segment, start: start + $0.start, count: $0.count)
        }
        self.init(BodyPieces(ContiguousArray(moved), of: count))
    }

    /// The runs of bytes that are here, in order; none touches the next.
    package var parts: ContiguousArray<Range<Int>> {
        var parts: ContiguousArray<Range<Int>> = []
        for piece in pieces.pieces where piece.count > 0 {
            if let last = parts.last, last.upperBound == piece.start {
                parts[parts.count - 1] = last.lowerBound..<piece.range.upperBound
            } else {
                parts.append(piece.range)
            }
        }
        return parts
    }

    /// From the first byte that is missing to the last; nil when the body is complete.
    package var missing: Range<Int>? {
        let parts = parts
        guard let first = parts.first, let last = parts.last else { return count > 0 ? 0..<count : nil }
        let start = first.lowerBound > 0 ? 0 : first.upperBound
        let end = last.upperBound < count ? count : last.lowerBound
        return start < end ? start..<end : nil
    }

    package var isComplete: Bool { heldByteCount == count }

    package var heldByteCount: Int { pieces.pieces.reduce(0) { $0 + $1.count } }

    /// Whether all bytes of the range are here.
    package func holds(_ range: Range<Int>) -> Bool {
        var position = range.lowerBound
        while position < range.upperBound {
            guard let run = run(at: position) else { return false }
            position += run.count
        }
        return true
    }

    /// Both together, where they are parts of the same bytes: what is here already is not taken again. Nil when
    /// there are too many separate parts.
    package func combined(with other: StoredBody) -> StoredBody? {
        precondition(count == other.count)
        var all = pieces.pieces
        for piece in other.pieces.pieces { all += missingPieces(of: piece) }
        all.sort { $0.start < $1.start }
        let body = StoredBody(BodyPieces(Self.joined(all), of: count))
        return body.parts.count <= Self.maximumParts ? body : nil
    }

    /// What of another's piece is not here; the piece itself when that is all of it, else copies.
    private func missingPieces(of piece: BodyPiece) -> ContiguousArray<BodyPiece> {
        var missing: ContiguousArray<BodyPiece> = []
        var position = piece.start
        for own in pieces.pieces where own.range.upperBound > piece.start && own.start < piece.range.upperBound {
            if own.start > position { missing.append(Self.copy(piece, position..<own.start)) }
            position = max(position, own.range.upperBound)
        }
        if position == piece.start { return [piece] }
        if position < piece.range.upperBound { missing.append(Self.copy(piece, position..<piece.range.upperBound)) }
        return missing
    }

    private static func copy(_ piece: BodyPiece, _ range: Range<Int>) -> BodyPiece {
        let bytes = piece.segment.bytes(range.lowerBound - piece.start..<range.upperBound - piece.start)
        return BodyPiece(segment: BodySegment(copying: bytes), start: range.lowerBound, count: range.count)
    }

    private static func joined(_ pieces: ContiguousArray<BodyPiece>) -> ContiguousArray<BodyPiece> {
        var joined: ContiguousArray<BodyPiece> = []
        for piece in pieces where piece.count > 0 {
            guard let last = joined.last, last.range.upperBound == piece.start,
                last.count + piece.count <= joinedByteLimit
            else {
                joined.append(piece)
                continue
            }
            let segment = BodySegment(capacity: last.count + piece.count)
            segment.write(last.segment.bytes(0..<last.count), at: 0)
            segment.write(piece.segment.bytes(0..<piece.count), at: last.count)
            joined[joined.count - 1] = BodyPiece(
                segment: segment, start: last.start, count: last.count + piece.count)
        }
        return joined
    }
}
