// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// What an origin tells caches (RFC 9111 §5.2.2), from Cache-Control or from the targeted field that overrides
/// it (RFC 9213).
package struct ResponseDirectives: Sendable, Equatable {
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }

        package static let noStore = Flags(rawValue: 1 << 0)
        /// Without a list of fields.
        package static let noCache = Flags(rawValue: 1 << 1)
        /// Without a list of fields.
        package static let `private` = Flags(rawValue: 1 << 2)
        package static let `public` = Flags(rawValue: 1 << 3)
        package static let mustRevalidate = Flags(rawValue: 1 << 4)
        package static let proxyRevalidate = Flags(rawValue: 1 << 5)
        package static let mustUnderstand = Flags(rawValue: 1 << 6)
        package static let immutable = Flags(rawValue: 1 << 7)
        package static let noTransform = Flags(rawValue: 1 << 8)
        /// s-maxage without a number: stale at once, and no permission (RFC 9111 §3.5).
        package static let sharedMaxAgeIsMalformed = Flags(rawValue: 1 << 10)
        /// `no-cache="…"` or `private="…"`: the fields named are not stored.
        package static let namesFields = Flags(rawValue: 1 << 9)
    }

    package var flags: Flags = []
    package var maxAgeSeconds: Int64?
    package var sharedMaxAgeSeconds: Int64?
    package var staleWhileRevalidateSeconds: Int64?
    package var staleIfErrorSeconds: Int64?
    /// Where the directives came from. Unless it is Cache-Control, Cache-Control and Expires are not heard
    /// (RFC 9213 §2.1).
    package var source = DirectiveField.cacheControl

    package init() {}

    /// The first of `targetedFields` that is present, valid and not empty decides; else Cache-Control.
    package static func parse(
        _ fields: borrowing Fields, targetedFields: [DirectiveField] = []
    ) -> ResponseDirectives {
        for field in targetedFields where field.mayOccur(in: fields) {
            if let directives = parseTargeted(fields, field) { return directives }
        }
        var directives = ResponseDirectives()
        guard fields.contains(.cacheControl) else { return directives }
        var list = CacheDirectiveParser()
        for index in fields.slots.indices where fields.slots[index].name == .cacheControl {
            list.beginLine()
            directives.read(fields.value(at: index), &list)
        }
        return directives
    }

    /// The directives where they may name fields, which takes a quote; nil where they do not.
    package static func parseNaming(
        _ fields: borrowing Fields, targetedFields: [DirectiveField]
    ) -> ResponseDirectives? {
        guard mayNameFields(fields, targetedFields) else { return nil }
        let directives = parse(fields, targetedFields: targetedFields)
        return directives.flags.contains(.namesFields) ? directives : nil
    }

    private static func mayNameFields(_ fields: borrowing Fields, _ targetedFields: [DirectiveField]) -> Bool {
        for field in targetedFields where field.mayOccur(in: fields) { return true }
        guard fields.contains(.cacheControl) else { return false }
        for index in fields.slots.indices where fields.slots[index].name == .cacheControl {
            let range = fields.slots[index].valueRange
            if fields.bytes.firstIndex(of: ASCII.doubleQuote, in: range) != nil { return true }
        }
        return false
    }

    private mutating func read(_ value: borrowing Span<UInt8>, _ list: inout CacheDirectiveParser) {
        while let member = list.next(in: value) {
            guard let directive = CacheDirective.lookUp(value.extracting(member.name)) else { continue }
            if !list.isTrusted {
                apply(malformed: directive)
            } else if let seconds = member.seconds(in: value) {
                apply(directive, seconds: seconds)
            } else if case .quoted(let names) = member.argument {
                apply(directive, names: value.extracting(names))
            } else if case .malformed = member.argument {
                apply(malformed: directive)
            } else {
                apply(directive)
            }
        }
    }

    /// A directive without a number. Where a lifetime should stand and does not, the response counts as stale
    /// (RFC 9111 §4.2.1).
    private mutating func apply(_ directive: CacheDirective) {
        switch directive {
        case .maxAge: maxAgeSeconds = maxAgeSeconds ?? 0
        case .sharedMaxAge:
            guard sharedMaxAgeSeconds == nil else { return }
            sharedMaxAgeSeconds = 0
            flags.insert(.sharedMaxAgeIsMalformed)
        default: flags.formUnion(directive.responseFlag)
        }
    }

    /// A directive that is badly written, or of which it is open whether it is one: heard as far as it forbids. It
    /// never prolongs: a lifetime counts as over (RFC 9111 §4.2.1).
    private mutating func apply(malformed directive: CacheDirective) {
        switch directive {
        case .public, .immutable: return
        // It says that not every cache may store.
        case .mustUnderstand: flags.insert(.noStore)
        // Forbids the same, and does not permit what must-revalidate does (RFC 9111 §3.5).
        case .mustRevalidate: flags.insert(.proxyRevalidate)
        default: apply(directive)
        }
    }

    /// A directive with a number. Of two lifetimes the first is used (RFC 9111 §4.2.1).
    private mutating func apply(_ directive: CacheDirective, seconds: Int64) {
        switch directive {
        case .maxAge: maxAgeSeconds = maxAgeSeconds ?? seconds
        case .sharedMaxAge: sharedMaxAgeSeconds = sharedMaxAgeSeconds ?? seconds
        case .staleWhileRevalidate: staleWhileRevalidateSeconds = staleWhileRevalidateSeconds ?? seconds
        case .staleIfError: staleIfErrorSeconds = staleIfErrorSeconds ?? seconds
        default: flags.formUnion(directive.responseFlag)
        }
    }

    /// A directive with a quoted string that is no number: a list of field names where one may stand.
    private mutating func apply(_ directive: CacheDirective, names: borrowing Span<UInt8>) {
        let isList = (directive == .noCache || directive == .private) && ResponseDirectives.isNameList(names)
        if isList { flags.insert(.namesFields) } else { apply(directive) }
    }

    private static func isNameList(_ names: borrowing Span<UInt8>) -> Bool {
        var list = FieldListParser()
        var count = 0
        while let name = list.next(in: names) {
            for index in name where !ASCII.isTokenCharacter(names[index]) { return false }
            count += 1
        }
        return count > 0
    }

    // MARK: Targeted fields

    /// RFC 9213 §2.1: a Dictionary. Nil when it is empty, malformed, or a value has the wrong type, and is
    /// therefore ignored as a whole.
    private static func parseTargeted(_ fields: borrowing Fields, _ field: DirectiveField) -> ResponseDirectives? {
        var lineCount = 0
        var directives = ResponseDirectives()
        directives.source = field
        for index in fields.slots.indices where field.isLine(at: index, of: fields) {
            lineCount += 1
            do {
                // A line without a member leaves a stray comma between the others.
                guard try directives.readDictionary(fields.value(at: index)) else { return nil }
            } catch { return hasFurtherLine(fields, field, after: index, lineCount) ? parseJoined(fields, field) : nil }
        }
        return lineCount > 0 ? directives : nil
    }

    private static func hasFurtherLine(
        _ fields: borrowing Fields, _ field: DirectiveField, after line: Int, _ lineCount: Int
    ) -> Bool {
        if lineCount > 1 { return true }
        for index in line + 1..<fields.count where field.isLine(at: index, of: fields) { return true }
        return false
    }

    /// RFC 9651 §4.2: the lines are one text, so that a string may begin in one and end in the next.
    private static func parseJoined(_ fields: borrowing Fields, _ field: DirectiveField) -> ResponseDirectives? {
        var text = ByteBuffer()
        for index in fields.slots.indices where field.isLine(at: index, of: fields) {
            if !text.isEmpty { text.append(", ") }
            text.append(fields.value(at: index))
        }
        var directives = ResponseDirectives()
        directives.source = field
        do {
            guard try directives.readDictionary(text.span) else { return nil }
        } catch { return nil }
        // Which fields are named would have to be read in the same way.
        if directives.flags.contains(.namesFields) { directives.flags.formUnion([.noCache, .private]) }
        return directives
    }

    /// Whether there was a member.
    private mutating func readDictionary(_ value: borrowing Span<UInt8>) throws(StructuredFieldError) -> Bool {
        var parser = StructuredFieldParser()
        var isFilled = false
        while let member = try parser.nextDictionaryMember(in: value) {
            isFilled = true
            guard let directive = CacheDirective.lookUp(value.extracting(member.key)) else { continue }
            try set(directive, member.value, in: value)
        }
        return isFilled
    }

    /// In a Dictionary the last member of a name wins (RFC 9651 §4.2.2).
    private mutating func set(
        _ directive: CacheDirective, _ member: StructuredFieldParser.Value, in value: borrowing Span<UInt8>
    ) throws(StructuredFieldError) {
        switch (directive, member) {
        case (.maxAge, .integer(let seconds)): maxAgeSeconds = ResponseDirectives.clamp(seconds)
        case (.sharedMaxAge, .integer(let seconds)): sharedMaxAgeSeconds = ResponseDirectives.clamp(seconds)
        case (.staleWhileRevalidate, .integer(let seconds)):
            staleWhileRevalidateSeconds = ResponseDirectives.clamp(seconds)
        case (.staleIfError, .integer(let seconds)): staleIfErrorSeconds = ResponseDirectives.clamp(seconds)
        case (.maxAge, _), (.sharedMaxAge, _), (.staleWhileRevalidate, _), (.staleIfError, _): throw .malformed
        case (.noCache, .string(let names)), (.private, .string(let names)):
            apply(directive, names: value.extracting(names))
        case (_, .boolean(true)): flags.formUnion(directive.responseFlag)
        case (_, .boolean(false)): flags.subtract(directive.responseFlag)
        default: throw .malformed
        }
    }

    private static func clamp(_ seconds: Int64) -> Int64 { min(max(seconds, 0), DeltaSeconds.maximum) }
}

extension CacheDirective {
    fileprivate var responseFlag: ResponseDirectives.Flags {
        switch self {
        case .noStore: .noStore
        case .noCache: .noCache
        case .private: .private
        case .public: .public
        case .mustRevalidate: .mustRevalidate
        case .proxyRevalidate: .proxyRevalidate
        case .mustUnderstand: .mustUnderstand
        case .immutable: .immutable
        case .noTransform: .noTransform
        default: []
        }
    }
}
