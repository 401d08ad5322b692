// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

/// What is wrong with a field line, or with all of them together.
package enum FieldLineError: Error, Equatable, Sendable, CaseIterable {
    case bareLineFeed, bareCarriageReturn, folded, malformedName, blankBeforeColon, controlInValue
    case lineTooLong, headTooLarge, tooManyLines

    package var reason: StaticString {
        switch self {
        case .bareLineFeed: "line feed without carriage return"
        case .bareCarriageReturn: "carriage return without line feed"
        case .folded: "line begins with a blank"
        case .malformedName: "field name is no token"
        case .blankBeforeColon: "blank between field name and colon"
        case .controlInValue: "control byte in field value"
        case .lineTooLong: "field line too long"
        case .headTooLarge: "fields too large"
        case .tooManyLines: "too many field lines"
        }
    }

    /// Whether the fields may be right and are only too many or too large.
    package var isLimit: Bool {
        switch self {
        case .lineTooLong, .headTooLarge, .tooManyLines: true
        default: false
        }
    }
}

/// Reads field lines up to the blank line that ends them (RFC 9112 §5), for heads and trailers alike.
struct FieldLineReader: Sendable {
    enum Outcome {
        /// The blank line ends here.
        case end(Int)
        /// The line that begins here is not complete.
        case incomplete(line: Int)
        case failed(FieldLineError)
    }

    private enum Line {
        case read(next: Int)
        case blank(next: Int)
        case runsOut
        case failed(FieldLineError)
    }

    // Small, as each idle connection has them.
    private let lineLimit: UInt32
    private let headLimit: UInt32
    private let countLimit: UInt32
    /// RFC 9112 §5.1: a response's blanks between name and colon are taken away, a request's are an error.
    let acceptsBlankBeforeColon: Bool

    var lineBytes: Int { Int(lineLimit) }
    /// From the first byte of the message on.
    var headBytes: Int { Int(headLimit) }
    var count: Int { Int(countLimit) }

    init(lineBytes: Int, headBytes: Int, count: Int, acceptsBlankBeforeColon: Bool) {
        lineLimit = UInt32(clamping: lineBytes)
        headLimit = UInt32(clamping: headBytes)
        countLimit = UInt32(clamping: count)
        self.acceptsBlankBeforeColon = acceptsBlankBeforeColon
    }

    func read(_ message: borrowing Span<UInt8>, from start: Int, into fields: inout Fields) -> Outcome {
        let names = FieldName.table
        var line = start
        while true {
            let bound = min(line &+ lineBytes &+ 2, headBytes)
            let end = min(bound, message.count)
            switch readLine(message, line..<max(end, line), names, into: &fields) {
            case .read(let next): line = next
            case .blank(let next): return .end(next)
            case .failed(let error): return .failed(error)
            case .runsOut:
                if message.count <= bound { return .incomplete(line: line) }
                return .failed(bound == headBytes ? .headTooLarge : .lineTooLong)
            }
        }
    }

    @inline(__always)
    private func readLine(
        _ message: borrowing Span<UInt8>, _ range: Range<Int>, _ names: FieldNameTable, into fields: inout Fields
    ) -> Line {
        let start = range.lowerBound
        let end = range.upperBound
        var index = message.firstNotToken(in: range)
        guard index < end else { return .runsOut }
        guard index > start else { return startWithoutName(message, range) }
        let nameRange = start..<index
        if message[index] != ASCII.colon {
            guard ASCII.isBlank(message[index]) else { return .failed(.malformedName) }
            guard acceptsBlankBeforeColon else { return .failed(.blankBeforeColon) }
            while index < end, ASCII.isBlank(message[index]) { index &+= 1 }
            guard index < end else { return .runsOut }
            guard message[index] == ASCII.colon else { return .failed(.malformedName) }
        }
        index &+= 1
        while index < end, ASCII.isBlank(message[index]) { index &+= 1 }
        let valueStart = index
        let line = findLineEnd(message, index..<end)
        guard case .read(let next) = line else { return line }
        index = next &- 2
        while index > valueStart, ASCII.isBlank(message[index &- 1]) { index &-= 1 }
        guard fields.count < count else { return .failed(.tooManyLines) }
        guard nameRange.count <= Int(UInt16.max) else { return .failed(.lineTooLong) }
        let name = names.lookUp(message.extracting(nameRange))
        fields.record(FieldSlot(name: name, nameRange: nameRange, valueRange: valueStart..<index))
        return line
    }

    private func startWithoutName(_ message: borrowing Span<UInt8>, _ range: Range<Int>) -> Line {
        let start = range.lowerBound
        switch message[start] {
        case ASCII.carriageReturn:
            guard start + 1 < range.upperBound else { return .runsOut }
            return message[start + 1] == ASCII.lineFeed ? .blank(next: start + 2) : .failed(.bareCarriageReturn)
        case ASCII.lineFeed: return .failed(.bareLineFeed)
        case ASCII.space, ASCII.tab: return .failed(.folded)
        default: return .failed(.malformedName)
        }
    }

    /// The CRLF that ends a line; every other control byte but tab is an error (RFC 9110 §5.5).
    @inline(__always)
    private func findLineEnd(_ message: borrowing Span<UInt8>, _ range: Range<Int>) -> Line {
        let end = range.upperBound
        var index = range.lowerBound
        while true {
            index = message.firstControl(in: index..<end)
            guard index < end else { return .runsOut }
            switch message[index] {
            case ASCII.tab: index &+= 1
            case ASCII.carriageReturn:
                guard index &+ 1 < end else { return .runsOut }
                guard message[index &+ 1] == ASCII.lineFeed else { return .failed(.bareCarriageReturn) }
                return .read(next: index &+ 2)
            case ASCII.lineFeed: return .failed(.bareLineFeed)
            default: return .failed(.controlInValue)
            }
        }
    }
}
