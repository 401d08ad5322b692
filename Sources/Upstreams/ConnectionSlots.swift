// SPDX-License-Identifier: Apache-2.0
import Bytes

/// One place for a connection of a pool.
struct ConnectionSlot {
    enum State: UInt8 {
        case free, connecting, active, idle
        /// It carries an upgraded protocol, and is none of those that requests share any more.
        case tunnel
        /// It carries a stream of events, and is counted apart.
        case stream
    }

    var state = State.free
    var generation: UInt32 = 0
    var server: Int32 = 0
    var address: Int = 0
    /// Whose request it carries.
    var client = UpstreamClient.nobody
    /// As its claim said, until the request's content has come whole.
    var mayStall = false
    var pace = ClientPace()
    var idleSinceNanoseconds: Int64 = 0
    /// Requests it has been given.
    var uses: UInt32 = 0
    /// The server no longer has this address: no further request goes there.
    var isOutdated = false
    /// While connecting: addresses tried so far, and their servers.
    var attempts = 0
    var tried = ServerSet()
    /// Neighbours among the idle ones of its server; `older` of a free slot is the next free one.
    var newer: Int32 = -1
    var older: Int32 = -1
}

/// All connections of a pool. A slot number is used again, its generation is not, so a late event about a
/// connection that is gone is recognised.
struct ConnectionSlots: ~Copyable {
    private var slots: [ConnectionSlot] = []
    private var firstFree: Int32 = -1
    private(set) var taken = 0

    var indices: Range<Int> { slots.indices }

    subscript(_ index: Int) -> ConnectionSlot {
        _read { yield slots[index] }
        _modify { yield &slots[index] }
    }

    func id(_ index: Int) -> UpstreamConnectionID {
        UpstreamConnectionID(slot: UInt32(index), generation: slots[index].generation)
    }

    /// The index of a connection that the pool still knows.
    func index(of id: UpstreamConnectionID) -> Int? {
        let index = Int(id.slot)
        guard index < slots.count, slots[index].generation == id.generation, slots[index].state != .free
        else { return nil }
        return index
    }

    /// Answers whose it was before.
    @discardableResult
    mutating func setClient(of index: Int, to client: UpstreamClient) -> UpstreamClient {
        let before = slots[index].client
        slots[index].client = client
        return before
    }

    mutating func take(server: Int, address: Int) -> Int {
        var index = Int(firstFree)
        if index >= 0 {
            firstFree = slots[index].older
        } else {
            index = slots.count
            slots.append(ConnectionSlot())
        }
        let generation = slots[index].generation
        slots[index] = ConnectionSlot(
            state: .connecting, generation: generation, server: Int32(server), address: address, attempts: 1)
        slots[index].tried.insert(server)
        taken += 1
        return index
    }

    mutating func free(_ index: Int) {
        slots[index].state = .free
        slots[index].generation &+= 1
        slots[index].older = firstFree
        firstFree = Int32(index)
        taken -= 1
    }
}
