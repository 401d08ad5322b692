// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import TestKit

@testable import Server

/// An answer as a client reads it: out of its framing, and out of its coding.
struct DecodedAnswer {
    let head: String
    let body: [UInt8]
    let coding: ContentCoding
    /// Its length on the wire, without framing.
    let codedByteCount: Int

    var status: Int { Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0 }

    func field(_ name: String) -> String? { ScriptedWorld.field(name, in: head) }

    /// Nil when it is no whole answer.
    /// - Parameter isWhole: else what there is of it is decoded.
    init?(_ bytes: [UInt8], isHead: Bool = false, isWhole: Bool = true) throws {
        guard let end = Self.headEnd(bytes) else { return nil }
        head = String(decoding: bytes[..<end], as: UTF8.self)
        var coded = Array(bytes[(end + 4)...])
        if ScriptedWorld.field("Transfer-Encoding", in: head) == "chunked", !isHead {
            guard let content = Self.dechunked(coded, isWhole: isWhole) else { return nil }
            coded = content
        } else if let length = ScriptedWorld.field("Content-Length", in: head), !isHead {
            guard coded.count == Int(length) else { return nil }
        }
        codedByteCount = coded.count
        let name = Array((ScriptedWorld.field("Content-Encoding", in: head) ?? "identity").utf8)
        coding = ContentCoding.lookUp(name.span) ?? .identity
        guard coding != .identity, !coded.isEmpty else {
            body = coded
            return
        }
        var output = ByteBuffer()
        let limit = DecodingLimit(maximumByteCount: .max)
        if isWhole {
            try WholeBody.decode(coded.span, coding, limit: limit, into: &output)
        } else {
            _ = try Decoder(coding, limit: limit).decode(coded.span, atMost: 1 << 20, into: &output)  // all of it
        }
        body = Array(copying: output.span)
    }

    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (0...bytes.count - 4).first { bytes[$0..<$0 + 4] == [13, 10, 13, 10] }
    }

    /// Nil without the last chunk.
    private static func dechunked(_ bytes: [UInt8], isWhole: Bool) -> [UInt8]? {
        var rest = bytes[...]
        var content: [UInt8] = []
        while let end = rest.firstIndex(of: 13) {
            guard let count = Int(String(decoding: rest[rest.startIndex..<end], as: UTF8.self), radix: 16) else {
                return nil
            }
            if count == 0 { return content }
            guard rest.endIndex >= end + 4 + count else { return nil }
            content += rest[(end + 2)..<(end + 2 + count)]
            rest = rest[(end + 4 + count)...]
        }
        return isWhole ? nil : content
    }
}

extension CompressionPool {
    var madeCount: UInt64 { counts.values.reduce(0) { $0 + $1.made } }
}

extension ScriptedWorld {
    func askDecoded(_ line: String, fields: String = "") throws -> DecodedAnswer? {
        let socket = begin(line, fields: fields)
        _ = world.run(within: .seconds(90)) { socket.isOver }
        defer { socket.close() }
        return try DecodedAnswer(socket.received, isHead: line.hasPrefix("HEAD"))
    }
}
