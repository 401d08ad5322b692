// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Where to listen or connect, as written: nothing is resolved here.
package struct SocketAddressText: Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        case ipv4, ipv6
        /// A host name, which has yet to be resolved.
        case name
        /// `host` is the path of a Unix domain socket, and `port` is 0.
        case unix
    }

    package var kind: Kind
    /// Without the brackets of an IPv6 address.
    package var host: String
    package var port: UInt16

    package init(kind: Kind, host: String, port: UInt16) {
        self.kind = kind
        self.host = host
        self.port = port
    }

    package var description: String {
        switch kind {
        case .ipv4, .name: "\(host):\(port)"
        case .ipv6: "[\(host)]:\(port)"
        case .unix: "unix:\(host)"
        }
    }

    /// Whether only this machine can reach it.
    package var isLocal: Bool {
        switch kind {
        case .unix: true
        case .name: host == "localhost"
        case .ipv4, .ipv6: IPAddress(host)?.isLoopback ?? false
        }
    }
}
