// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// Whom a request is counted for: one client address, or the network that one client is given.
package struct UpstreamClient: Sendable, Hashable {
    let number: UInt64

    /// Nobody in particular: its requests get what there is.
    package static let nobody = UpstreamClient(number: 0)

    init(number: UInt64) { self.number = number }

    /// Of IPv6 the network that one client is given (RFC 6177): its addresses are many.
    package init(_ address: IPAddress) {
        number = address.isV4 || address.high == 0 ? address.low : address.high
    }
}

/// What is known of a request that asks for a connection.
struct UpstreamClaim {
    var client: UpstreamClient
    /// Some of its content has still to come, or its client has lately had to give a connection up. All such requests
    /// together get no more than one client.
    var mayStall: Bool
}

/// What each client uses of a pool. Clients that use nothing leave it when room is wanted, so that it is as small as
/// the pool.
struct ClientShares: ~Copyable {
    struct Entry {
        var client: UInt64 = 0
        /// Connections that carry its requests.
        var active: Int32 = 0
        /// Its requests that wait for one.
        var waiting: Int32 = 0
        /// Its streams of events.
        var streams: Int32 = 0
        /// Looks at clients until it is forgotten that it had to give a connection up.
        var blame: Int32 = 0

        var isUnused: Bool { active == 0 && waiting == 0 && streams == 0 && blame == 0 }
    }

    /// A power of two, never more than half full; an entry lies at its client's place or behind it.
    private var entries = [Entry](repeating: Entry(), count: 64)
    private var taken = 0
    /// Whether some have had to give a connection up lately.
    private var someAreBlamed = false
    /// Odd, and not to be guessed, so that nobody can choose addresses that share a place.
    private let multiplier: UInt64

    init(seed: UInt64) { multiplier = seed | 1 }

    private func place(of client: UInt64) -> Int {
        let mixed = (client ^ client >> 32) &* multiplier
        return Int(mixed >> 40) & (entries.count - 1)
    }

    /// Where a client's entry lies, or would lie.
    private func index(of client: UInt64) -> Int {
        var index = place(of: client)
        while entries[index].client != 0, entries[index].client != client { index = (index + 1) & (entries.count - 1) }
        return index
    }

    subscript(_ client: UpstreamClient) -> Entry { entries[index(of: client.number)] }

    /// Counts more of its connections, of its requests that wait, or of its streams, or less.
    mutating func change(_ client: UpstreamClient, active: Int32 = 0, waiting: Int32 = 0, streams: Int32 = 0) {
        guard client.number != 0 else { return }
        var found = index(of: client.number)
        if entries[found].client == 0 {
            if 2 * (taken + 1) > entries.count {
                makeRoom()
                found = index(of: client.number)
            }
            entries[found].client = client.number
            taken += 1
        }
        entries[found].active += active
        entries[found].waiting += waiting
        entries[found].streams += streams
    }

    func isBlamed(_ client: UpstreamClient) -> Bool {
        someAreBlamed && client != .nobody && self[client].blame > 0
    }

    /// It had to give a connection up: that is not forgotten for some time.
    mutating func blame(_ client: UpstreamClient) {
        guard client != .nobody else { return }
        change(client)
        entries[index(of: client.number)].blame = Self.blamedLooks
        someAreBlamed = true
    }

    mutating func forgetBlame(all: Bool) {
        guard someAreBlamed else { return }
        someAreBlamed = false
        for index in entries.indices where entries[index].blame > 0 {
            entries[index].blame = all ? 0 : entries[index].blame - 1
            if entries[index].blame > 0 { someAreBlamed = true }
        }
    }

    /// Ten seconds.
    private static let blamedLooks: Int32 = 20

    func usesNothing(_ client: UpstreamClient) -> Bool { client == .nobody || self[client].active == 0 }

    /// Whether a request that waits may have one of so many connections that are free.
    /// - Parameter stallable: connections that carry requests which may stall.
    func admits(_ claim: UpstreamClaim, free: Int, _ stallable: Int) -> Bool {
        if claim.mayStall, !FairShare.mayTakeMore(using: stallable, free: free) { return false }
        return claim.client == .nobody || FairShare.mayTakeMore(using: Int(self[claim.client].active), free: free)
    }

    /// Clients that use something.
    var count: Int { entries.count { !$0.isUnused } }

    /// Those that use nothing go. Afterwards at least a quarter of the places can be taken before it comes to this
    /// again, so that a request pays for few.
    private mutating func makeRoom() {
        let old = entries
        taken = count
        entries = [Entry](repeating: Entry(), count: 4 * (taken + 1) > old.count ? 2 * old.count : old.count)
        for entry in old where !entry.isUnused { entries[index(of: entry.client)] = entry }
    }
}

/// How much of something one client may use: up to `factor` times what would still be free. Alone it gets most of it,
/// several get equal parts, and something is always left for who comes next.
package enum FairShare {
    static let factor = 4

    package static func mayTakeMore(using used: Int, free: Int) -> Bool { used < factor * free }
}
