// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Server

struct ConnectionListsTests {
    private final class Peer {
        let number: Int
        var seat: UInt32 = 0
        init(_ number: Int) { self.number = number }
    }

    @Test("The lists hold what a plain model holds, in its order", arguments: 1...6)
    func model(seed: UInt64) {
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        typealias Lists = ConnectionLists<Peer>
        var lists = Lists()
        var model: [Lists.List: [Peer]] = [:]
        for number in 0..<3000 {
            let list = Lists.List.allCases[next(4)]
            let everyone = Lists.List.allCases.flatMap { model[$0] ?? [] }
            switch next(3) {
            case 0 where !everyone.isEmpty:
                let peer = everyone[next(everyone.count)]
                for list in Lists.List.allCases { model[list]?.removeAll { $0 === peer } }
                lists.move(peer.seat, to: list)
                model[list, default: []].append(peer)
            case 1 where !everyone.isEmpty:
                let peer = everyone[next(everyone.count)]
                for list in Lists.List.allCases { model[list]?.removeAll { $0 === peer } }
                lists.remove(peer.seat)
            default:
                let peer = Peer(number)
                peer.seat = lists.insert(peer, into: list)
                model[list, default: []].append(peer)
            }
            for list in Lists.List.allCases { #expect(lists.first(of: list) === model[list]?.first) }
            #expect(lists.count == model.values.reduce(0) { $0 + $1.count })
        }
        #expect(Set(lists.all.map(\.number)) == Set(model.values.joined().map(\.number)))
    }
}
