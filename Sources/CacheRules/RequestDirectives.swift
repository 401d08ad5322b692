// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// What a client asks of caches (RFC 9111 §5.2.1). Garbage in it is passed over: these are wishes.
package struct RequestDirectives: Sendable, Equatable {
    /// How stale an answer the client would take (RFC 9111 §5.2.1.2).
    package enum MaxStale: Sendable, Equatable {
        case none
        case any
        case seconds(Int64)
    }

    package var noCache = false
    package var noStore = false
    package var onlyIfCached = false
    // Small, as they go with a request.
    private var maxAge = Limit()
    private var minFresh = Limit()
    private var staleIfError = Limit()
    private var tolerance = Limit()
    /// False when nothing above was said, which is what most requests say.
    package private(set) var isPresent = false

    /// A number of seconds, nothing, or, of max-stale alone, any number.
    private struct Limit: Equatable {
        static let any = Limit(value: .max - 1)
        private(set) var value = UInt32.max

        /// The first that was said.
        mutating func setOnce(_ seconds: Int64?) {
            if self == Limit(), let seconds { value = UInt32(seconds) }
        }

        init(value: UInt32 = .max) { self.value = value }

        var seconds: Int64? { value == .max ? nil : Int64(value) }
    }

    package var maxAgeSeconds: Int64? { maxAge.seconds }
    package var minFreshSeconds: Int64? { minFresh.seconds }
    package var staleIfErrorSeconds: Int64? { staleIfError.seconds }
    package var maxStale: MaxStale {
        if tolerance == .any { return .any }
        return tolerance.seconds.map { .seconds($0) } ?? .none
    }

    package init() {}

    package static let none = RequestDirectives()

    /// Reads Cache-Control, or Pragma in its absence (RFC 9111 §5.4).
    package static func parse(_ fields: borrowing Fields) -> RequestDirectives {
        var directives = RequestDirectives()
        if fields.contains(.cacheControl) {
            var list = CacheDirectiveParser()
            for index in fields.slots.indices where fields.slots[index].name == .cacheControl {
                list.beginLine()
                directives.read(fields.value(at: index), &list)
            }
        } else if fields.contains(.pragma) {
            for index in fields.slots.indices where fields.slots[index].name == .pragma {
                directives.readPragma(fields.value(at: index))
            }
        }
        return directives
    }

    private mutating func readPragma(_ value: borrowing Span<UInt8>) {
        var list = FieldListParser()
        while let member = list.next(in: value) {
            guard value.extracting(member).equalsIgnoringCase("no-cache") else { continue }
            noCache = true
            isPresent = true
        }
    }

    private mutating func read(_ value: borrowing Span<UInt8>, _ list: inout CacheDirectiveParser) {
        while let member = list.next(in: value) {
            guard let directive = CacheDirective.lookUp(value.extracting(member.name)) else { continue }
            // What cannot be read for sure may ask for better, and not be content with worse.
            if directive.isConcession, !list.isTrusted || member.argument == .malformed { continue }
            apply(directive, member.seconds(in: value), hasArgument: member.argument != .absent)
        }
    }

    private mutating func apply(_ directive: CacheDirective, _ seconds: Int64?, hasArgument: Bool) {
        switch directive {
        case .noCache: noCache = true
        case .noStore: noStore = true
        case .onlyIfCached: onlyIfCached = true
        case .maxAge: maxAge.setOnce(seconds)
        case .minFresh: minFresh.setOnce(seconds)
        case .staleIfError: staleIfError.setOnce(seconds)
        case .maxStale:
            if let seconds { tolerance = Limit(value: UInt32(seconds)) } else if !hasArgument { tolerance = .any }
        default: return
        }
        isPresent = true
    }
}

extension CacheDirective {
    /// In a request: it allows what is refused without it.
    fileprivate var isConcession: Bool { self == .maxStale || self == .staleIfError || self == .onlyIfCached }
}

extension FieldListMember {
    /// The argument as delta-seconds; a quoted one is taken too (RFC 9111 §5.2).
    func seconds(in bytes: borrowing Span<UInt8>) -> Int64? {
        switch argument {
        case .token(let range), .quoted(let range): DeltaSeconds.parse(bytes, range)
        case .absent, .malformed: nil
        }
    }
}
