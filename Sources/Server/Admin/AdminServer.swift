// SPDX-License-Identifier: Apache-2.0
import EventIO
import HTTPWire
import Settings
import Storage
import Telemetry

/// The listening socket of the admin address, and its connections.
final class AdminServer: Acceptor {
    struct Limits: Sendable {
        var connections = 64
        /// More, for those who ask for health while all others are at work.
        var reserve = 16
        var contentBytes = 1 << 20
        /// For a head to arrive, from accept or its first byte on.
        var headNanoseconds: Int64 = 5_000_000_000
        /// For the content behind it, and for the answer to be taken.
        var messageNanoseconds: Int64 = 10_000_000_000
        /// Between two requests.
        var idleNanoseconds: Int64 = 60_000_000_000
        var lingerNanoseconds: Int64 = 2_000_000_000
    }

    let limits: Limits
    var gate: AdminGate
    /// The content of calls, of the share that is connections'.
    var held: HeldBytes
    unowned let control: Control
    private var connections: [ObjectIdentifier: AdminConnection] = [:]
    private var lastPlace: UInt64 = 0

    init(control: Control, gate: AdminGate, limits: Limits = Limits()) {
        self.control = control
        self.gate = gate
        self.limits = limits
        held = HeldBytes(control.proxy.shared.connections)
        super.init()
    }

    override func accepted(_ descriptor: FileDescriptor, from peer: SocketAddress) {
        let isReserve = !makeRoom()
        let connection = AdminConnection(server: self, peer: "\(peer)", isReserve: isReserve)
        do throws(SystemError) {
            try connection.attach(descriptor, to: loop)
        } catch {
            return acceptingFailed(error)
        }
        connections[ObjectIdentifier(connection)] = connection
        connection.opened()
    }

    /// Behind all others.
    func nextPlace() -> UInt64 {
        lastPlace += 1
        return lastPlace
    }

    /// Who has not asked yet gives way, the longest waiting first; whether that has brought a whole place.
    private func makeRoom() -> Bool {
        let whole = connections.values.filter { !$0.isReserve }
        guard whole.count >= limits.connections else { return true }
        control.events.write(.warning, "admin_connection_limit_reached", ["limit": .number(limits.connections)])
        if let oldest = Self.longestWaiting(whole.filter(\.awaitsHead)) {
            oldest.close()
            return true
        }
        let reserve = connections.values.filter(\.isReserve)
        if reserve.count >= limits.reserve { Self.longestWaiting(reserve)?.close() }
        return false
    }

    private static func longestWaiting(_ connections: [AdminConnection]) -> AdminConnection? {
        connections.min { $0.place < $1.place }
    }

    override func acceptingFailed(_ error: SystemError) { control.events.acceptFailed(error) }

    func connectionClosed(_ connection: AdminConnection) {
        connections.removeValue(forKey: ObjectIdentifier(connection))
    }

    func closeAll() {
        close()
        for connection in Array(connections.values) { connection.close() }
    }
}
