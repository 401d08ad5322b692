// SPDX-License-Identifier: Apache-2.0

/// Connections that carry something which goes on for as long as somebody listens: they leave their places to requests,
/// and are counted apart.
extension UpstreamPool {
    /// A connection carries an upgraded protocol from now on: how many do so is limited elsewhere.
    package mutating func becameTunnel(_ connection: UpstreamConnectionID) {
        guard let index = slots.index(of: connection), slots[index].state == .active else { return }
        carriesNoMore(index)
        slots[index].state = .tunnel
        tunnels += 1
    }

    /// A connection carries a stream of events from now on; false when there are too many, or its client has its
    /// share of them.
    package mutating func becameStream(_ connection: UpstreamConnectionID) -> Bool {
        guard let index = slots.index(of: connection), slots[index].state == .active else { return false }
        let client = slots[index].client
        let free = limits.maximumStreams - streams
        guard free > 0,
            client == .nobody || FairShare.mayTakeMore(using: Int(shares[client].streams), free: free)
        else { return false }
        carriesNoMore(index)
        slots.setClient(of: index, to: client)
        shares.change(client, streams: 1)
        slots[index].state = .stream
        streams += 1
        return true
    }

    mutating func streamEnds(_ index: Int) {
        shares.change(slots.setClient(of: index, to: .nobody), streams: -1)
        streams -= 1
    }

    /// A stream has ended, and its connection is like any other from now on; false when there is no place for it.
    mutating func streamBecameActive(_ index: Int) -> Bool {
        let hasPlace = open < limits.maximumConnections
        streamEnds(index)
        slots[index].state = .active
        return hasPlace
    }
}
