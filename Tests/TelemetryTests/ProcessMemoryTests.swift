// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Telemetry

@Suite struct ProcessMemoryTests {
    @Test func residentBytesAreTheSecondNumberInPages() throws {
        let text = Array("21504 1893 1204 2 0 812 0\n".utf8)
        #expect(try ProcessMemory.residentBytes(statm: text.span, pageBytes: 4_096) == 1_893 * 4_096)
    }

    @Test(arguments: ["", "12", "a b", "1 -2", "1 99999999999999999999", "1 18446744073709551615"])
    func anythingElseIsMalformed(text: String) {
        let bytes = Array(text.utf8)
        #expect(throws: ProcessMemory.ParseError.malformed) {
            try ProcessMemory.residentBytes(statm: bytes.span, pageBytes: 4_096)
        }
    }

    @Test(
        arguments: [
            ("max\n", .unlimited), ("max", .unlimited), ("536870912\n", .bytes(536_870_912)),
            ("9223372036854771712\n", .unlimited), ("0\n", .bytes(0)),
        ] as [(String, ProcessMemory.Limit)])
    func aControlGroupLimitIsReadInBothVersions(text: String, limit: ProcessMemory.Limit) throws {
        let bytes = Array(text.utf8)
        #expect(try ProcessMemory.limit(cgroup: bytes.span) == limit)
    }

    @Test(arguments: ["", "maximum", "12 MB", "1 2", "-1"])
    func anUnknownLimitIsMalformed(text: String) {
        let bytes = Array(text.utf8)
        #expect(throws: ProcessMemory.ParseError.malformed) { try ProcessMemory.limit(cgroup: bytes.span) }
    }
}
