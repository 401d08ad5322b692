// SPDX-License-Identifier: Apache-2.0

/// The connections of one loop, each in one of five lists, in which the longest there stands first. Moving one costs
/// the same however many there are, and each takes 16 bytes.
struct ConnectionLists<Connection: AnyObject> {
    enum List: UInt32, CaseIterable {
        /// Nothing of a request has come.
        case idle
        /// A head has begun, and takes little.
        case begun
        /// What it holds is much, and its peer is waited for.
        case holding
        /// The same, of a head.
        case largeHead
        /// A request is under way.
        case busy

        var holdsMuch: Bool { self == .holding || self == .largeHead }
    }

    private struct Seat {
        var connection: Connection?
        var next: UInt32
        var previous: UInt32
    }

    /// The first five close the rings of the lists.
    private var seats: ContiguousArray<Seat>
    private var firstFree = UInt32.max
    private(set) var count = 0

    init() {
        seats = ContiguousArray(List.allCases.map { Seat(connection: nil, next: $0.rawValue, previous: $0.rawValue) })
    }

    /// Answers the seat, by which the connection is known from now on.
    mutating func insert(_ connection: Connection, into list: List) -> UInt32 {
        var seat = UInt32(seats.count)
        if firstFree != .max {
            seat = firstFree
            firstFree = seats[Int(seat)].next
            seats[Int(seat)].connection = connection
        } else {
            seats.append(Seat(connection: connection, next: seat, previous: seat))
        }
        link(seat, into: list)
        count += 1
        return seat
    }

    /// To the end of the list, which may be the one where it is.
    mutating func move(_ seat: UInt32, to list: List) {
        unlink(seat)
        link(seat, into: list)
    }

    mutating func remove(_ seat: UInt32) {
        unlink(seat)
        seats[Int(seat)].connection = nil
        seats[Int(seat)].next = firstFree
        firstFree = seat
        count -= 1
    }

    func first(of list: List) -> Connection? {
        seats[Int(seats[Int(list.rawValue)].next)].connection
    }

    /// In no order that means anything.
    var all: [Connection] { seats.compactMap(\.connection) }

    private mutating func link(_ seat: UInt32, into list: List) {
        let last = seats[Int(list.rawValue)].previous
        seats[Int(seat)].next = list.rawValue
        seats[Int(seat)].previous = last
        seats[Int(last)].next = seat
        seats[Int(list.rawValue)].previous = seat
    }

    private mutating func unlink(_ seat: UInt32) {
        let (next, previous) = (seats[Int(seat)].next, seats[Int(seat)].previous)
        seats[Int(previous)].next = next
        seats[Int(next)].previous = previous
    }
}
