// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire
import Testing

/// The bytes of `text`, where each scalar below 256 is one byte.
func latin(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8($0.value) }
}

func request(_ text: String) throws -> RequestHead {
    var parser = RequestParser()
    var head = RequestHead()
    let verdict = parser.parse(latin(text).span, into: &head)
    guard case .complete = verdict else {
        Issue.record("\(verdict)")
        if case .failed(let error) = verdict { throw error }
        return head
    }
    return head
}

/// The error that `text` ends in, whether it comes whole or byte by byte.
func failure(_ text: String, limits: WireLimits = WireLimits()) -> RequestError? {
    let bytes = latin(text)
    var head = RequestHead()
    var parser = RequestParser(limits: limits)
    guard case .failed(let error) = parser.parse(bytes.span, into: &head) else { return nil }
    for count in 1...bytes.count {
        switch parser.parse(bytes.span.extracting(0..<count), into: &head) {
        case .incomplete: continue
        case .complete: return nil
        case .failed(let piecewise):
            #expect(piecewise == error)
            return error
        }
    }
    return nil
}

func slice(_ head: borrowing RequestHead, _ range: Range<Int>?) -> String? {
    range.map { head.fields.bytes.extracting($0).text() }
}

func slice(_ head: ResponseHead, _ range: Range<Int>?) -> String? {
    range.map { head.fields.bytes.extracting($0).text() }
}

func response(_ text: String) throws -> ResponseHead {
    var parser = ResponseParser()
    var head = ResponseHead()
    let verdict = parser.parse(latin(text).span, into: &head)
    if case .failed(let error) = verdict { throw error }
    #expect(verdict == .complete(length: latin(text).count))
    return head
}
