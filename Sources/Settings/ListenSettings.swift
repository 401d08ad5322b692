// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import ConfigLanguage

/// One address that clients connect to.
package struct ListenSettings: Sendable, Equatable {
    package var address = SocketAddressText(kind: .ipv4, host: "127.0.0.1", port: 8080)
    /// Who shares the port, the kernel dealing out the connections.
    package enum PortReuse: String, Sendable, CaseIterable {
        /// The event loops of this process, each with a listening socket of its own.
        case auto
        /// These, and other processes that say the same.
        case on
        /// Nobody: one socket, whose connections one event loop takes.
        case off
    }

    package var portReuse = PortReuse.auto
    /// Connections that the kernel holds ready while no loop has accepted them.
    package var backlog = 1024

    package init() {}
}

/// The address of the admin calls. Without `token` it is a local address, which the parser has made sure of.
package struct AdminSettings: Sendable, Equatable {
    package var address: SocketAddressText
    package var token: Secret?
    /// Names that Host may have besides addresses and `localhost`, in lower case.
    package var hosts: [String]

    package init(address: SocketAddressText, token: Secret? = nil, hosts: [String] = []) {
        self.address = address
        self.token = token
        self.hosts = hosts
    }
}

/// Who may send PURGE to the listeners.
package struct PurgeMethodSettings: Sendable, Equatable {
    package var isEnabled = false
    /// The peers it is taken from; with a token as well, both must hold.
    package var allowed = [AddressRange("127.0.0.0/8"), AddressRange("::1")].compactMap { $0 }
    package var token: Secret?

    package init() {}
}
