// SPDX-License-Identifier: Apache-2.0

/// One segment and how much of it is filled.
struct BodyPiece: Sendable {
    let segment: BodySegment
    /// Where in the body the segment begins.
    let start: Int
    var count: Int

    var range: Range<Int> { start..<start + count }
}

/// The segments of one body in order; of a partial one, those that are there.
struct BodyPieces: Sendable {
    private(set) var pieces: ContiguousArray<BodyPiece>
    /// The length of the whole body.
    private(set) var count = 0
    private var forgottenPieces = 0

    init(first: BodySegment) { pieces = [BodyPiece(segment: first, start: 0, count: 0)] }

    /// Pieces in order that do not overlap, of a body of `count` bytes.
    init(_ pieces: ContiguousArray<BodyPiece>, of count: Int) {
        self.pieces = pieces
        self.count = count
    }

    var pieceCount: Int { forgottenPieces + pieces.count }
    var last: BodyPiece { pieces[pieces.count - 1] }

    var allocatedBytes: Int {
        pieces.reduce(0) { $0 + $1.segment.allocatedBytes + MemoryLayout<BodyPiece>.stride }
    }

    mutating func add(_ segment: BodySegment) {
        pieces.append(BodyPiece(segment: segment, start: count, count: 0))
    }

    mutating func publish(_ added: Int) {
        pieces[pieces.count - 1].count += added
        count += added
    }

    /// Takes out the pieces that end before `offset`; the last one stays.
    mutating func forget(before offset: Int) -> ContiguousArray<BodyPiece> {
        var number = 0
        while number < pieces.count - 1, pieces[number + 1].start <= offset { number += 1 }
        guard number > 0 else { return [] }
        let forgotten = ContiguousArray(pieces[..<number])
        pieces.removeFirst(number)
        forgottenPieces += number
        return forgotten
    }

    func run(at offset: Int) -> BodyRun? {
        guard offset >= pieces[0].start && offset < count else { return nil }
        var low = 0
        var high = pieces.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if pieces[middle].start <= offset { low = middle } else { high = middle - 1 }
        }
        let piece = pieces[low]
        guard piece.range.contains(offset) else { return nil }
        return BodyRun(segment: piece.segment, range: offset - piece.start..<piece.count)
    }

    /// Nothing will be added: makes one segment of a few, which then leaves by one call, and gives back the unused
    /// rest of the last where that is worth a copy. Readers of the old segments keep them.
    mutating func settle() {
        guard pieces.count > 1, count <= Self.unitedByteLimit, forgottenPieces == 0 else { return trimLast() }
        let united = BodySegment(capacity: count)
        for piece in pieces { united.write(piece.segment.bytes(0..<piece.count), at: piece.start) }
        pieces = [BodyPiece(segment: united, start: 0, count: count)]
    }

    private static let unitedByteLimit = 256 << 10

    private mutating func trimLast() {
        let last = last
        guard last.segment.capacity - last.count > max(last.segment.capacity / 16, 64) else { return }
        let exact = BodySegment(copying: last.segment.bytes(0..<last.count))
        pieces[pieces.count - 1] = BodyPiece(segment: exact, start: last.start, count: last.count)
    }
}

/// A body in segments, unchanging, shareable between stored responses and threads. It is complete unless it was
/// made of parts (see `StoredBody+Parts`).
@usableFromInline
package final class StoredBody: Sendable {
    let pieces: BodyPieces
    /// What the allocator spent on it.
    let allocatedBytes: Int

    init(_ pieces: BodyPieces) {
        self.pieces = pieces
        allocatedBytes = pieces.allocatedBytes + Self.objectBytes
    }

    /// Of the whole body, also when only parts of it are here.
    @usableFromInline
    package var count: Int { pieces.count }

    /// The bytes from `offset` up to the end of their segment; nil at the end, and where a part is missing.
    package func run(at offset: Int) -> BodyRun? { pieces.run(at: offset) }

    /// This object and the head of its array, as the allocator rounds them.
    private static let objectBytes = 96
}
