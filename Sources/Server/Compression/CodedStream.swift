// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import EventIO
import HTTPMessages
import Storage
import Synchronization

/// A body that arrives, on its way into or out of a coding. Whoever needs more of it takes it a step further, for
/// all who read it; a step is short, so that waiting for another's costs no more than making it oneself.
final class CodedStream: Sendable {
    enum Progress: Equatable {
        /// As far as the body has come, or as the budget goes.
        case goesOn
        /// All of it is in `body`; `justNow` for the call that brought it to its end.
        case finished(justNow: Bool)
        case failed(CodingError)
    }

    private struct State: ~Copyable {
        let transform: BodyTransform
        var output = ByteBuffer(capacity: 4096)
        var cursor = 0
        var flushedCount = 0
        var progress = Progress.goesOn
        /// How far the body before had been used when the coded one had so many bytes, in order.
        var marks: [(coded: Int, source: Int)] = []
    }

    let coding: ContentCoding
    /// The coded body so far.
    let body: GrowingBody
    private let state: Mutex<State>

    /// - Parameter expectedByteCount: of the body before.
    /// - Throws: `outOfMemory` when `store` has no room for it.
    init(
        from source: ContentCoding, to coding: ContentCoding, expectedByteCount: Int?, limit: DecodingLimit,
        store: MemoryStore
    ) throws(CodingError) {
        self.coding = coding
        body = GrowingBody(reservation: try store.reserve(forCoder: GrowingBody.firstCapacity))
        state = Mutex(
            State(
                transform: try BodyTransform(
                    from: source, to: coding, level: .fast, expectedByteCount: expectedByteCount, limit: limit,
                    store: store)))
    }

    /// Codes more of `source`.
    ///
    /// - Parameters:
    ///   - isWhole: nothing more will be appended to `source`.
    ///   - flushPoint: whoever reads must be able to decode as much of `source` as this.
    ///   - budget: how many bytes of `source` may be used, about.
    func advance(_ source: GrowingBody, isWhole: Bool, flushPoint: Int, budget: Int) -> Progress {
        state.withLock { state in
            switch state.progress {
            case .finished: return .finished(justNow: false)
            case .failed: return state.progress
            case .goesOn: break
            }
            do throws(CodingError) {
                try step(&state, source, isWhole: isWhole, flushPoint: flushPoint, budget: budget)
            } catch {
                state.progress = .failed(error)
            }
            return state.progress
        }
    }

    private func step(
        _ state: inout State, _ source: GrowingBody, isWhole: Bool, flushPoint: Int, budget: Int
    ) throws(CodingError) {
        let end = min(source.count, state.cursor + budget)
        let before = body.count
        while state.cursor < end || state.transform.hasMore, body.count - before < Self.producedByteBudget {
            if state.cursor < end, let run = source.run(at: state.cursor) {
                let count = min(run.count, BodyTransform.stepBytes, end - state.cursor)
                state.cursor += try state.transform.write(run.bytes.extracting(0..<count), into: &state.output)
            } else if state.transform.hasMore {
                _ = try state.transform.write(Span(), into: &state.output)  // there is nothing to use
            } else {
                break
            }
            try hand(&state.output)
        }
        if isWhole, state.cursor == source.count, !state.transform.hasMore {
            try state.transform.finish(into: &state.output)
            state.progress = .finished(justNow: true)
        } else if state.cursor >= flushPoint, state.flushedCount < flushPoint {
            try state.transform.flush(into: &state.output)
            state.flushedCount = state.cursor
        }
        try hand(&state.output)
        mark(&state)
    }

    /// What is decoded can be much longer than what went in.
    static var producedByteBudget: Int { 256 << 10 }

    /// Remembers where both bodies stand; roughly, and for as far back as readers may lag.
    private func mark(_ state: inout State) {
        let count = state.marks.count
        if count > 1, state.cursor - state.marks[count - 2].source < Self.markBytes { state.marks.removeLast() }
        state.marks.append((coded: body.count, source: state.cursor))
        if state.marks.count > 2 * Self.maximumMarks { state.marks.removeFirst(Self.maximumMarks) }
    }

    private static var markBytes: Int { 16 << 10 }
    private static var maximumMarks: Int { 1024 }

    /// Where there is no room for all of it, only what its readers still need is kept; and where even that finds no
    /// room because they are too far apart, it ends for all.
    private func hand(_ output: inout ByteBuffer) throws(CodingError) {
        if !body.reserve(output.count) {
            body.beginToPass()
            if body.holds(atBytes: Self.uncountedByteLimit) { throw .outOfMemory }
        }
        body.append(output.span)
        output.clear()
    }

    private static var uncountedByteLimit: Int { 2 * producedByteBudget }

    /// Whether more could be had of what has come of `source`.
    func lags(behind source: GrowingBody) -> Bool {
        state.withLock { $0.cursor < source.count || $0.transform.hasMore }
    }

    /// Hands over the coder to the one who codes the rest for itself, and has read all there is. Nobody else may
    /// read on.
    func takeTransform() -> BodyTransform {
        state.withLock { state in
            state.progress = .failed(.cancelled)
            return state.transform
        }
    }

    /// How far in the body before a reader has come who has read so much of the coded one.
    func sourceOffset(at offset: Int) -> Int {
        state.withLock { state in
            if let mark = state.marks.last(where: { $0.coded <= offset }) { return mark.source }
            return state.marks.count > Self.maximumMarks ? state.marks[0].source : 0
        }
    }

    /// How much of the body before has been used.
    var sourceCount: Int { state.withLock { $0.cursor } }
}
