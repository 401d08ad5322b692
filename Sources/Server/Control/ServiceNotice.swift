// SPDX-License-Identifier: Apache-2.0
import EventIO

/// What the service manager is told (sd_notify(3)), by a datagram to the socket that it named.
struct ServiceNotice: Sendable {
    enum State: Equatable, Sendable {
        case ready
        /// Needs the monotonic clock, so that the manager can tell this reload from an older one.
        case reloading(monotonicNanoseconds: Int64)
        case stopping
        case status
    }

    /// A path, or `@` and an abstract name.
    private let socket: String?
    private let kernel: Kernel

    /// `socket` is what `NOTIFY_SOCKET` holds; anything but a path or an abstract name is not used.
    init(socket: String?, kernel: Kernel) {
        self.socket = socket.flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        self.kernel = kernel
    }

    static func text(_ state: State, status: String) -> String {
        let line = String(status.map { $0 == "\n" ? " " : $0 })
        return switch state {
        case .ready: "READY=1\nSTATUS=\(line)\n"
        case .reloading(let nanoseconds):
            "RELOADING=1\nMONOTONIC_USEC=\(nanoseconds / 1000)\nSTATUS=\(line)\n"
        case .stopping: "STOPPING=1\nSTATUS=\(line)\n"
        case .status: "STATUS=\(line)\n"
        }
    }

    /// Does nothing when nobody asked to be told.
    func send(_ state: State, status: String) throws(SystemError) {
        guard let socket else { return }
        try kernel.sendDatagram(Array(Self.text(state, status: status).utf8), toSocket: socket)
    }
}
