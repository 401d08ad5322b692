// SPDX-License-Identifier: Apache-2.0
import CacheRules
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings

/// What is known of a request beside its head. Handed on, and copied only by name.
struct ClientRequest: ~Copyable {
    let route: CompiledRoute
    let framing: BodyFraming
    /// The connection stays open after the answer, as far as the client is concerned.
    var keepsOpen: Bool
    let expectsContinue: Bool
    let wantsUpgrade: Bool
    let startedNanoseconds: Int64
    let headByteCount: Int
    /// A trusted peer said something of the site in fields that belong into the key.
    var keysIdentity = false
    /// The origin may take the method for another one.
    var overridesMethod = false
    var directives = RequestDirectives.none
    /// The whole body, once it has come to be keyed.
    var content: KeyedContent?

    init(
        route: CompiledRoute, framing: BodyFraming, keepsOpen: Bool, expectsContinue: Bool, wantsUpgrade: Bool,
        startedNanoseconds: Int64, headByteCount: Int
    ) {
        self.route = route
        self.framing = framing
        self.keepsOpen = keepsOpen
        self.expectsContinue = expectsContinue
        self.wantsUpgrade = wantsUpgrade
        self.startedNanoseconds = startedNanoseconds
        self.headByteCount = headByteCount
    }

    init(copying other: borrowing ClientRequest) {
        self.init(
            route: other.route, framing: other.framing, keepsOpen: other.keepsOpen,
            expectsContinue: other.expectsContinue, wantsUpgrade: other.wantsUpgrade,
            startedNanoseconds: other.startedNanoseconds, headByteCount: other.headByteCount)
        directives = other.directives
        keysIdentity = other.keysIdentity
        overridesMethod = other.overridesMethod
        content = other.content
    }

    /// Preconditions that only the origin may evaluate (RFC 9111 §4.3.2).
    private static var fieldsForOrigins: FieldNameSet { FieldNameSet(.ifMatch).with(.ifUnmodifiedSince) }

    func facts(of head: borrowing RequestHead) -> RequestFacts {
        let hasBody: Bool
        switch framing {
        case .none, .length(0): hasBody = false
        default: hasBody = true
        }
        return RequestFacts(
            method: head.method, isKeyedByBody: route.keysBody(of: head.method), hasBody: hasBody,
            wantsUpgrade: wantsUpgrade,
            hasRange: head.fields.contains(.range),
            isForOrigin: head.fields.present.intersects(Self.fieldsForOrigins),
            routePasses: route.isPass,
            coalesces: route.coalesces, coalescesNodes: route.coalescesNodes,
            onlyIfCached: route.honorsDirectives && directives.onlyIfCached)
    }
}

/// What will be told about how a request was answered (promise 8). Lent, never copied.
struct Answer: ~Copyable {
    var outcome: CacheOutcome
    var forward: ForwardReason?
    /// Why what was served is stale.
    var stale: StaleReason?
    /// A request of its own went to the origin.
    var wasForwarded = false
    /// Of the request's content, as decoded; both ways of a tunnel are counted as they are.
    var receivedContentByteCount = 0
    /// Of the origin's answer, when there was one.
    var forwardStatus: UInt16 = 0
    /// Where it went last, by the worker's `serverTexts`.
    var server = ServerNumber.none
    var isStored = false
    var isCollapsed = false
    var ttlSeconds: Int64?
    var notStored: NotStoredReason?
    var detail: StaticString?
    var upstreamNanoseconds: Int64 = 0
    /// Field lines for this client alone, each ended by CRLF: the store has not got them.
    var ownFields: ContiguousArray<UInt8> = []
    /// It was sent whole in a coding that was made here.
    var coded: CodedAnswer?

    init(outcome: CacheOutcome) { self.outcome = outcome }
}

/// What a coding came to in one answer.
struct CodedAnswer {
    let coding: ContentCoding
    let byteCount: Int
    /// By which its body was shorter.
    let savedByteCount: Int

    init(_ coding: ContentCoding, plainByteCount: Int, codedByteCount: Int) {
        self.coding = coding
        byteCount = codedByteCount
        savedByteCount = max(0, plainByteCount - codedByteCount)
    }
}
