// SPDX-License-Identifier: Apache-2.0
import EventIO
import HTTPWire
import Settings
import Telemetry

/// The listening socket of the admin address, and its connections.
final class AdminServer: Acceptor {
    struct Limits: Sendable {
        var connections = 64
        var contentBytes = 1 << 20
        /// For a whole request to arrive, and for its answer to be taken.
        var messageNanoseconds: Int64 = 10_000_000_000
        /// Between two requests.
        var idleNanoseconds: Int64 = 60_000_000_000
        var lingerNanoseconds: Int64 = 2_000_000_000
    }

    let limits: Limits
    var token: Secret?
    unowned let control: Control
    private var connections: [ObjectIdentifier: AdminConnection] = [:]

    init(control: Control, token: Secret?, limits: Limits = Limits()) {
        self.control = control
        self.token = token
        self.limits = limits
        super.init()
    }

    override func accepted(_ descriptor: FileDescriptor, from peer: SocketAddress) {
        guard connections.count < limits.connections else {
            control.events.write(.warning, "admin_connection_limit_reached", ["limit": .number(limits.connections)])
            return kernel.close(descriptor)
        }
        let connection = AdminConnection(server: self, peer: "\(peer)")
        do throws(SystemError) {
            try connection.attach(descriptor, to: loop)
        } catch {
            return acceptingFailed(error)
        }
        connections[ObjectIdentifier(connection)] = connection
        connection.opened()
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
