// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// The secondary key: what a request says in the fields that a Vary rule names, normalised so that requests
/// which mean the same share a variant (RFC 9111 §4.1).
///
///     accept-encoding=br,gzip&foo=1,2&bar        bar is absent
///
/// Injective: `&` and `%` within parts are escaped, and absent differs from empty.
package enum Variance {
    /// `rule` is the text of `VaryRule.names`.
    package static func writeSecondaryKey(
        _ rule: borrowing Span<UInt8>, _ request: borrowing Fields, into buffer: inout ByteBuffer
    ) {
        var start = 0
        while start < rule.count {
            let name = start..<endOfName(rule, from: start)
            if start > 0 { buffer.append(UInt8(ascii: "&")) }
            writePart(rule.extracting(name), request, into: &buffer)
            start = name.upperBound + 1
        }
    }

    /// The key under which a response in one language is found by all who prefer that language to any other.
    /// Where the rule names Accept-Language it is a second place to look after `writeSecondaryKey`'s, and a
    /// second place to store.
    ///
    /// `contentLanguage` is the response's when storing, and nil when looking. False, with nothing of use
    /// appended, when there is no such key: Accept-Language is not in the rule, the request prefers no single
    /// language, or the response is not in a single language that the request lists.
    package static func writeLanguageKey(
        _ rule: borrowing Span<UInt8>, _ request: borrowing Fields, contentLanguage: Span<UInt8>?,
        into buffer: inout ByteBuffer
    ) -> Bool {
        guard request.contains(.acceptLanguage) else { return false }
        var list = WeightedFieldList()
        guard list.read(.acceptLanguage, of: request) else { return false }
        var isFound = false
        var start = 0
        while start < rule.count {
            let range = start..<endOfName(rule, from: start)
            let name = rule.extracting(range)
            if start > 0 { buffer.append(UInt8(ascii: "&")) }
            if name.equals("accept-language") {
                isFound = list.writePreferred(contentLanguage, of: request, into: &buffer)
                if !isFound { return false }
            } else {
                writePart(name, request, into: &buffer)
            }
            start = range.upperBound + 1
        }
        return isFound
    }

    /// What a stored variant is found by: its secondary key, and on a further line its language key if it has one.
    package static func writeStoredKeys(
        _ rule: borrowing Span<UInt8>, _ request: borrowing Fields, contentLanguage: Span<UInt8>?,
        into buffer: inout ByteBuffer
    ) {
        writeSecondaryKey(rule, request, into: &buffer)
        guard let contentLanguage else { return }
        let end = buffer.count
        buffer.append(ASCII.lineFeed)
        let isFound = writeLanguageKey(rule, request, contentLanguage: contentLanguage, into: &buffer)
        if !isFound { buffer.truncate(to: end) }
    }

    /// Whether a request chooses the variant that was stored with `storedKeys`. `scratch` is overwritten.
    package static func matches(
        _ rule: borrowing Span<UInt8>, _ request: borrowing Fields, storedKeys: borrowing Span<UInt8>,
        scratch: inout ByteBuffer
    ) -> Bool {
        var end = 0
        while end < storedKeys.count, storedKeys[end] != ASCII.lineFeed { end += 1 }
        scratch.clear()
        writeSecondaryKey(rule, request, into: &scratch)
        if scratch.span.elementsEqual(storedKeys.extracting(0..<end)) { return true }
        guard end < storedKeys.count else { return false }
        scratch.clear()
        return writeLanguageKey(rule, request, contentLanguage: nil, into: &scratch)
            && scratch.span.elementsEqual(storedKeys.extracting(end + 1..<storedKeys.count))
    }

    private static func endOfName(_ rule: borrowing Span<UInt8>, from start: Int) -> Int {
        var end = start
        while end < rule.count, rule[end] != ASCII.comma { end += 1 }
        return end
    }

    private static func writePart(
        _ name: borrowing Span<UInt8>, _ request: borrowing Fields, into buffer: inout ByteBuffer
    ) {
        KeyText.write(name, into: &buffer)
        let known =
            name.equals("accept-encoding")
            ? FieldName.acceptEncoding
            : name.equals("accept-language") ? FieldName.acceptLanguage : .other
        if known != .other {
            guard request.contains(known) else { return }
            var list = WeightedFieldList()
            if list.read(known, of: request) {
                buffer.append(ASCII.equals)
                list.write(of: request, into: &buffer)
                return
            }
        }
        writeCombined(name, request, isMalformed: known != .other, into: &buffer)
    }

    /// All lines of the name as one list (RFC 9110 §5.2), without blanks around its commas. A weighted list that
    /// cannot be read is marked, so that it never looks like one that can.
    private static func writeCombined(
        _ name: borrowing Span<UInt8>, _ request: borrowing Fields, isMalformed: Bool, into buffer: inout ByteBuffer
    ) {
        var isFirst = true
        for index in request.slots.indices where request.slots[index].nameLength == name.count {
            guard request.name(at: index).equalsIgnoringCase(name) else { continue }
            buffer.append(isFirst ? ASCII.equals : ASCII.comma)
            if isFirst, isMalformed { buffer.append(UInt8(ascii: "~")) }
            isFirst = false
            writeCollapsed(request.value(at: index), into: &buffer)
        }
    }

    private static func writeCollapsed(_ value: borrowing Span<UInt8>, into buffer: inout ByteBuffer) {
        var isQuoted = false
        var pendingBlanks = 0..<0
        let content = value.trimmingBlanks(0..<value.count)
        var index = content.lowerBound
        while index < content.upperBound {
            let byte = value[index]
            if ASCII.isBlank(byte), !isQuoted {
                let start = index
                while ASCII.isBlank(value[index]) { index += 1 }
                pendingBlanks = start..<index
                continue
            }
            let follows = pendingBlanks.isEmpty ? ASCII.space : value[pendingBlanks.lowerBound - 1]
            if byte != ASCII.comma, follows != ASCII.comma {
                for blank in pendingBlanks { PercentEncoding.writeEscape(value[blank], into: &buffer) }
            }
            pendingBlanks = 0..<0
            if byte == ASCII.doubleQuote { isQuoted.toggle() }
            VariantText.write(byte, into: &buffer)
            if byte == ASCII.backslash, isQuoted, index + 1 < content.upperBound {
                index += 1
                VariantText.write(value[index], into: &buffer)
            }
            index += 1
        }
    }
}

/// Bytes of values within secondary keys.
enum VariantText {
    static func write(_ byte: UInt8, into buffer: inout ByteBuffer) {
        let isPlain = byte > 0x20 && byte < 0x7F && byte != ASCII.percent && byte != UInt8(ascii: "&")
        if isPlain { buffer.append(byte) } else { PercentEncoding.writeEscape(byte, into: &buffer) }
    }
}
