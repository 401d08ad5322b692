// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire

/// Each answers what is wrong, or nil.
package enum Properties {
    /// Lines shorter than this give the same verdict however they come; of longer ones an error may show later.
    private static let shortInput = 512

    /// The same verdict whole and byte by byte, ranges in bounds, and a head that is written comes back.
    package static func request(_ input: borrowing Span<UInt8>) -> String? {
        var head = RequestHead()
        var parser = RequestParser()
        let whole = parser.parse(input, into: &head)
        if case .complete(let length) = whole {
            if length > input.count { return "length past the input" }
            if let problem = rangesInBounds(head) ?? comesBack(head) { return problem }
        }
        parser = RequestParser()
        var pieces = HeadParse<RequestError>.incomplete
        for count in stride(from: 1, through: input.count, by: 1) where pieces == .incomplete {
            pieces = parser.parse(input.extracting(0..<count), into: &head)
        }
        return agree(whole, pieces, input.count)
    }

    package static func response(_ input: borrowing Span<UInt8>) -> String? {
        var head = ResponseHead()
        var parser = ResponseParser()
        let whole = parser.parse(input, into: &head)
        if case .complete(let length) = whole {
            if length > input.count { return "length past the input" }
            let end = head.fields.bytes.count
            if head.reasonRange.upperBound > end { return "reason out of bounds" }
            for index in head.fields.slots.indices
            where head.fields.slots[index].nameRange.isEmpty || head.fields.slots[index].valueRange.upperBound > end {
                return "field out of bounds"
            }
            _ = try? MessageFraming.ofResponse(head, requestMethod: .get)  // Must not trap; either answer is right.
        }
        parser = ResponseParser()
        var pieces = HeadParse<ResponseError>.incomplete
        for count in stride(from: 1, through: input.count, by: 1) where pieces == .incomplete {
            pieces = parser.parse(input.extracting(0..<count), into: &head)
        }
        return agree(whole, pieces, input.count)
    }

    private static func agree<Failure: Equatable>(
        _ whole: HeadParse<Failure>, _ pieces: HeadParse<Failure>, _ count: Int
    ) -> String? {
        if whole == pieces { return nil }
        if case .failed = whole, pieces == .incomplete, count >= shortInput { return nil }
        return "whole: \(whole), in pieces: \(pieces)"
    }

    private static func rangesInBounds(_ head: borrowing RequestHead) -> String? {
        let end = head.fields.bytes.count
        var ranges = [head.methodRange, head.targetRange, head.pathRange]
        if let range = head.queryRange { ranges.append(range) }
        if let range = head.authorityRange { ranges.append(range) }
        for range in ranges where range.upperBound > end { return "range out of bounds" }
        for index in head.fields.slots.indices
        where head.fields.slots[index].nameRange.isEmpty || head.fields.slots[index].valueRange.upperBound > end {
            return "field out of bounds"
        }
        return nil
    }

    private static func comesBack(_ head: borrowing RequestHead) -> String? {
        var buffer = ByteBuffer()
        HeadWriter.requestLine(head.methodBytes, head.target, into: &buffer)
        for index in head.fields.slots.indices {
            HeadWriter.field(head.fields.name(at: index), head.fields.value(at: index), into: &buffer)
        }
        HeadWriter.endOfHead(into: &buffer)
        var again = RequestHead()
        var parser = RequestParser()
        let verdict = parser.parse(buffer.span, into: &again)
        if verdict == .failed(.missingHost), head.version == .http10 { return nil }
        guard verdict == .complete(length: buffer.count) else { return "written head is \(verdict)" }
        guard again.fields.count == head.fields.count else { return "written head has other fields" }
        if head.version == .http10 { return nil }
        let first = try? MessageFraming.ofRequest(head)
        let second = try? MessageFraming.ofRequest(again)
        return first == second ? nil : "written head is framed otherwise"
    }
}
