// SPDX-License-Identifier: Apache-2.0
import Bytes

/// A pattern over paths, which are compared with it in their normal form (`NormalizedPath`), so that one in another
/// spelling would never match. `GlobText` is about URLs with their queries.
package struct PathPattern {
    private typealias Element = UInt16

    /// A wildcard; below it stand bytes that mean themselves.
    private static let any: Element = 256
    private static let slash = Element(ASCII.slash)
    private static let percent = Element(ASCII.percent)
    private static let dot = Element(UInt8(ascii: "."))
    private static let questionMark = Element(ASCII.questionMark)

    private let elements: [Element]
    /// `?` is a wildcard too, and a backslash takes the meaning from what follows.
    private let isGlob: Bool

    /// A route's pattern, in which nothing but `*` has a meaning.
    package init(route: String) {
        isGlob = false
        elements = route.utf8.map { $0 == ASCII.star ? Self.any | Element($0) : Element($0) }
    }

    package init(glob: String) {
        isGlob = true
        var elements: [Element] = []
        var isEscaped = false
        for byte in glob.utf8 {
            if byte == ASCII.backslash, !isEscaped {
                isEscaped = true
                continue
            }
            let isWildcard = !isEscaped && (byte == ASCII.star || byte == ASCII.questionMark)
            elements.append(isWildcard ? Self.any | Element(byte) : Element(byte))
            isEscaped = false
        }
        self.elements = elements
    }

    // MARK: Spelling

    /// Why it can match no path; nil if it may.
    package func problem(_ written: String) -> SettingProblem? {
        guard let first = elements.first, first == Self.slash || first >= Self.any else {
            return .init("a path begins with /, so that \"\(written)\" matches none")
        }
        if elements.contains(where: { $0 == Self.questionMark || $0 == Element(UInt8(ascii: "#")) }) {
            return .init("no path holds ? or #, so that \"\(written)\" matches none")
        }
        do throws(PercentEncoding.Flaw) {
            let normal = text(try Self.normal(elements))
            guard normal != written else { return nil }
            return .init(
                "\"\(written)\" matches nothing, since paths are compared in their normal form (RFC 3986 §6.2.2); "
                    + "write \"\(normal)\"")
        } catch {
            return .init("\"\(written)\" matches nothing that is taken: \(error.reason)")
        }
    }

    private func text(_ elements: [Element]) -> String {
        var bytes: [UInt8] = []
        for element in elements {
            let byte = UInt8(truncatingIfNeeded: element)
            let hasMeaning = byte == ASCII.star || byte == ASCII.questionMark || byte == ASCII.backslash
            if isGlob, hasMeaning, element < Self.any { bytes.append(ASCII.backslash) }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Normal form (RFC 3986 §6.2.2), as far as it is known beside wildcards

    private static func normal(_ elements: [Element]) throws(PercentEncoding.Flaw) -> [Element] {
        var segments: [[Element]] = []
        let written = elements.split(separator: slash, omittingEmptySubsequences: false)
        for (place, part) in written.enumerated() {
            let segment = try normalSegment(Array(part))
            guard segment == [dot] || segment == [dot, dot] else {
                segments.append(segment)
                continue
            }
            // What stands before the first slash is no segment.
            if segment.count == 2, segments.count > 1 { segments.removeLast() }
            if place == written.count - 1 { segments.append([]) }
        }
        return Array(segments.joined(separator: [slash]))
    }

    private static func normalSegment(_ segment: [Element]) throws(PercentEncoding.Flaw) -> [Element] {
        var normal: [Element] = []
        var index = 0
        while index < segment.count {
            guard segment[index] == percent else {
                append(segment[index], to: &normal)
                index += 1
                continue
            }
            let digits = segment[(index + 1)...].prefix(2)
            // A wildcard may stand for the digits, or for the second of them.
            let known = digits.prefix { $0 < any }
            let values = known.compactMap { ASCII.hexValue(UInt8(truncatingIfNeeded: $0)) }
            let isCut = known.count < digits.count
            guard values.count == known.count, isCut || known.count == 2 else { throw .brokenEscape }
            if isCut {
                normal.append(percent)
                normal += known.map { Element(ASCII.uppercased(UInt8(truncatingIfNeeded: $0))) }
            } else {
                try appendEscaped(values[0] << 4 | values[1], to: &normal)
            }
            index += 1 + known.count
        }
        return normal
    }

    private static func appendEscaped(_ byte: UInt8, to normal: inout [Element]) throws(PercentEncoding.Flaw) {
        if byte == 0 { throw .nul }
        if PercentEncoding.isUnreserved(byte) { return normal.append(Element(byte)) }
        var escape = ByteBuffer(capacity: 3)
        PercentEncoding.writeEscape(byte, into: &escape)
        for index in 0..<escape.count { normal.append(Element(escape.span[index])) }
    }

    private static func append(_ element: Element, to normal: inout [Element]) {
        guard element < any, !ASCII.isURIByte(UInt8(truncatingIfNeeded: element)) else { return normal.append(element) }
        var escape = ByteBuffer(capacity: 3)
        PercentEncoding.writeEscape(UInt8(truncatingIfNeeded: element), into: &escape)
        for index in 0..<escape.count { normal.append(Element(escape.span[index])) }
    }
}
